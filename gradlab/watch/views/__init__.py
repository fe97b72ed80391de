"""Where a training is shown while it runs. Each view is one file; `choose` says which.

- `View`: what a view may do; each method may be left as it is.
- `choose`: the views for the arguments of `Watch`.
"""

from __future__ import annotations

import sys
from typing import Any

from gradlab.watch.alarm import Alarm
from gradlab.watch.columns import Column
from gradlab.watch.record import Record

NAMES = ("auto", "widget", "terminal", "lines", None)


class View:
    """Shows a record while it grows."""

    def begin(self, record: Record) -> None:
        """Training begins."""

    def take(self, record: Record, column: Column) -> None:
        """One measured step."""

    def alarm(self, alarm: Alarm) -> None:
        """A rule has said something."""

    def show(self, record: Record, epoch_ended: bool = False) -> None:
        """Now is a moment to draw: at most four times a second, and when an epoch ends."""

    def end(self, record: Record) -> None:
        """Training has ended; the last drawing."""


def choose(view: str | None, log_dir: Any = None) -> list[View]:
    """The views for these arguments of `Watch`. ValueError for a name that is none."""
    if view not in NAMES:
        raise ValueError(f"view is {view!r}; expected one of {', '.join(repr(n) for n in NAMES)}")
    if view == "auto":
        view = "widget" if _in_notebook() else "terminal" if sys.stdout.isatty() else "lines"
    found: list[View] = []
    if view == "widget":
        from gradlab.panel.watch_view import WidgetView

        found.append(WidgetView())
    elif view == "terminal":
        from gradlab.watch.views.terminal import TerminalView

        found.append(TerminalView(sys.stdout))
    elif view == "lines":
        from gradlab.watch.views.lines import LinesView

        found.append(LinesView(sys.stdout))
    if log_dir is not None:
        from gradlab.watch.views.tensorboard import TensorBoardView

        found.append(TensorBoardView(log_dir))
    return found


def _in_notebook() -> bool:
    shell = sys.modules.get("IPython")
    found = shell.get_ipython() if shell is not None else None
    return found is not None and hasattr(found, "kernel")
