"""Says what goes on once an explanation takes longer than two seconds."""

from __future__ import annotations

import sys
import threading
import time


class Progress:
    """A line on stderr, rewritten in place; silent for the first `after` seconds."""

    def __init__(self, after: float = 2.0) -> None:
        self.started, self.after, self.shown = time.monotonic(), after, 0.0
        self.open = False
        self.main = threading.current_thread() is threading.main_thread()

    def step(self, what: str) -> None:
        """Tell what is being done now."""
        now = time.monotonic()
        if now - self.started < self.after or now - self.shown < 0.2:
            return
        self.shown, self.open = now, True
        sys.stderr.write(f"\rgradlab.explain: {what} ({now - self.started:.0f} s)".ljust(79))
        sys.stderr.flush()

    def ops(self, count: int) -> None:
        self.step(f"{count} ops recorded")

    def close(self) -> None:
        """End the line."""
        if self.open:
            sys.stderr.write("\r" + " " * 79 + "\r")
            sys.stderr.flush()
