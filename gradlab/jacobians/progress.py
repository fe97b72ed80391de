"""A progress bar that shows itself only when the work takes longer than two seconds."""

import time
from types import TracebackType
from typing import Any

from gradlab.runtime.strict import strict

_PATIENCE = 2.0  # seconds


class progress_bar:
    """A context manager with update(n). The bar (tqdm's; in a notebook a widget) is only made when it is shown: making
    a widget takes longer than most Jacobians.
    """

    def __init__(self, total: int, what: str, shown: bool) -> None:
        self._total, self._what, self._shown = total, what, shown
        self._done, self._started, self._bar = 0, time.monotonic(), None
        if strict():  # a page that is compared must not depend on how long it took
            self._shown = False

    def __enter__(self) -> "progress_bar":
        return self

    def update(self, n: int) -> None:
        """n more parts are done."""
        self._done += n
        if self._bar is not None:
            self._bar.update(n)
        elif self._shown and time.monotonic() - self._started > _PATIENCE:
            from tqdm.auto import tqdm

            bar: Any = tqdm(total=self._total, desc=self._what, initial=self._done, leave=False)
            self._bar = bar

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()
