"""Says what goes on once an explanation takes longer than two seconds."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

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
    """A line on stderr, rewritten in place; silent for the first `after` seconds."""

    def __init__(self, after: float = 2.0, name: str = "gradlab.explain") -> None:
        self.name = name
        self.started, self.after, self.shown = time.monotonic(), after, 0.0
        self.open = False
        self.main = threading.current_thread() is threading.main_thread()

    def step(self, what: str) -> None:
        """Tell what is being done now."""
        now = time.monotonic()
        if getattr(_quiet, "on", False) or now - self.started < self.after or now - self.shown < 0.2:
            return
        self.shown, self.open = now, True
        sys.stderr.write(f"\r{self.name}: {what} ({now - self.started:.0f} s)".ljust(79))
        sys.stderr.flush()

    def ops(self, count: int) -> None:
        self.step(f"{count} ops recorded")

    def close(self) -> None:
        """End the line."""
        if self.open:
            sys.stderr.write("\r" + " " * 79 + "\r")
            sys.stderr.flush()
