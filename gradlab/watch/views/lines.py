"""Plain lines, where the output is no terminal: one for each epoch, and each alarm when it is raised."""

from __future__ import annotations

from typing import TextIO

from gradlab.watch.alarm import Alarm
from gradlab.watch.record import Record
from gradlab.watch.text import summary
from gradlab.watch.views import View


class LinesView(View):
    """Writes to a text stream."""

    def __init__(self, out: TextIO) -> None:
        self.out = out

    def alarm(self, alarm: Alarm) -> None:
        print("\n".join(["", "gradlab.Watch, " + alarm.lines()[0], *alarm.lines()[1:]]), file=self.out, flush=True)

    def show(self, record: Record, epoch_ended: bool = False) -> None:
        if epoch_ended and record.columns:
            print("gradlab.Watch: " + summary(record), file=self.out, flush=True)
