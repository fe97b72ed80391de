"""Says what goes on once an explanation takes longer than two seconds."""

from __future__ import annotations

import html
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_quiet = threading.local()


@contextmanager
def quietly() -> Iterator[None]:
    """No progress lines from this thread while the context lasts: the caller shows progress in its own way."""
    before = getattr(_quiet, "on", False)
    _quiet.on = True
    try:
        yield
    finally:
        _quiet.on = before


class Progress:
    """One line, rewritten in place; silent for the first `after` seconds.

    In a notebook it is an output of the cell that is taken away at the end; in a terminal it is written to standard output.
    Nothing is ever written to standard error, which notebooks show as an error, nor into a file or a pipe.
    """

    def __init__(self, after: float = 2.0, name: str = "gradlab.explain") -> None:
        self.name = name
        self.started, self.after, self.shown = time.monotonic(), after, 0.0
        self._write: Callable[[str], None] | None = None

    def step(self, what: str) -> None:
        """Tell what is being done now."""
        now = time.monotonic()
        if getattr(_quiet, "on", False) or now - self.started < self.after or now - self.shown < 0.2:
            return
        self.shown = now
        self._write = self._write or _way_out()
        self._write(f"{self.name}: {what} ({now - self.started:.0f} s)")

    def ops(self, count: int) -> None:
        self.step(f"{count} ops recorded")

    def close(self) -> None:
        """Take the line away."""
        if self._write is not None:
            self._write("")
            self._write = None


def _way_out() -> Callable[[str], None]:
    """Where progress goes: a function of the words, "" for none."""
    if os.environ.get("GRADLAB_STRICT"):
        return lambda words: None  # a page that is compared must not depend on how long something took
    if getattr(sys.stdout, "isatty", lambda: False)():
        return _to_terminal
    kernel = sys.modules.get("ipykernel.zmqshell")
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if kernel is not None and isinstance(shell, kernel.ZMQInteractiveShell):
        return _in_notebook()
    return lambda words: None


def _to_terminal(words: str) -> None:
    sys.stdout.write("\r" + words[:79].ljust(79) + ("" if words else "\r"))
    sys.stdout.flush()


def _in_notebook() -> Callable[[str], None]:
    from IPython.display import display

    shown: Any = None

    def write(words: str) -> None:
        nonlocal shown
        bundle = {"text/html": f'<span role="status">{html.escape(words)}</span>' if words else "", "text/plain": words}
        if shown is None:
            shown = display(bundle, raw=True, display_id=True)
        else:
            shown.update(bundle, raw=True)

    return write
