"""A block of lines in a terminal that redraws in place, below the line in which Keras draws its bar.

Keras rewrites one line with carriage returns and backspaces. So room is made below it once (newlines, then up), and
each drawing saves the cursor, goes down, writes and comes back. When an epoch ends Keras writes a newline of its own, so
the block is cleared first and the room made anew.
"""

from __future__ import annotations

import shutil
from typing import TextIO

from gradlab.watch.alarm import Alarm
from gradlab.watch.record import Record
from gradlab.watch.text import block
from gradlab.watch.views import View

LINES = 12  # at most, and half of the window


class TerminalView(View):
    """Writes to a terminal."""

    def __init__(self, out: TextIO) -> None:
        self.out = out
        self.waiting: list[str] = []

    def alarm(self, alarm: Alarm) -> None:
        self.waiting += ["gradlab.Watch, " + alarm.lines()[0], *alarm.lines()[1:]]

    def show(self, record: Record, epoch_ended: bool = False) -> None:
        size = shutil.get_terminal_size()
        lines = block(record, size.columns - 1, max(3, min(LINES, size.lines // 2)))
        down = len(lines)
        if epoch_ended:
            self.out.write("\0337\n\033[J\0338")  # clear what is below: the next epoch's line comes there
        else:
            self.out.write("\n" * down + f"\033[{down}A")  # room below, also at the last line of the window
            self.out.write("\0337" + "".join(f"\n\r\033[K{line}" for line in lines) + "\0338")
        self._say(epoch_ended)
        self.out.flush()

    def _say(self, epoch_ended: bool) -> None:
        """Alarms stay in the scrolled text; written between two epochs they do not cut Keras' line."""
        if self.waiting and epoch_ended:
            self.out.write("\n" + "\n".join(self.waiting) + "\n")
            self.waiting = []

    def end(self, record: Record) -> None:
        size = shutil.get_terminal_size()
        self.out.write("\n".join([*block(record, size.columns - 1, LINES), *self.waiting]) + "\n")
        self.waiting = []
        self.out.flush()
