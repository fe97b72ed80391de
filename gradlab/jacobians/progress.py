"""A progress bar that shows itself only when the work takes longer than two seconds."""

from typing import Any


def progress_bar(total: int, what: str, shown: bool) -> Any:
    """A tqdm bar (in a notebook its widget): a context manager with update(n)."""
    from tqdm.auto import tqdm

    return tqdm(total=total, desc=what, delay=2.0, disable=not shown, leave=False)
