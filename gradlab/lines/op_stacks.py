"""Visits from the stack at every op, for where a debugger or coverage holds the trace hook."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType

from gradlab.lines.visits import FOLDED, Activation, Tracker, Visit


class OpStacks(Tracker):
    """Visits from the stack at every op. Lines that make no op have none."""

    rule = "the stack at each op"

    def __init__(self, is_user: Callable[[str], bool], uid: Callable[[], int] | None = None) -> None:
        super().__init__(is_user, uid)
        self._last: list[tuple[FrameType, FrameType | None, Activation]] = []
        self._base: FrameType | None = None

    def start(self, base: FrameType) -> None:
        self._base = base

    def stop(self) -> None:
        self._last, self._base = [], None

    def current(self) -> Visit | None:
        found: list[tuple[FrameType, FrameType | None]] = []
        frame: FrameType | None = sys._getframe(1)
        callee: FrameType | None = None
        while frame is not None and frame is not self._base:
            if self.mine(frame.f_code):
                found.append((frame, callee))
            callee, frame = frame, frame.f_back
        chain: list[tuple[FrameType, FrameType | None, Activation]] = []
        same = True
        visit: Visit | None = None
        for i, (frame, callee) in enumerate(reversed(found)):
            known = self._last[i] if same and i < len(self._last) else None
            same = known is not None and known[0] is frame
            code = frame.f_code
            outer = chain[-1][2] if chain else None
            if code.co_name in FOLDED and outer is not None and outer.code.co_filename == code.co_filename:
                if outer.first.get(code.co_firstlineno, code.co_firstlineno) == outer.statement:
                    chain.append((frame, callee, outer))
                    continue
            act = known[2] if same and known is not None else self._activation(code, visit)
            act.parent = visit
            statement, lasti = act.first.get(frame.f_lineno, frame.f_lineno), frame.f_lasti
            if (
                act.visit is None
                or statement != act.statement
                or (
                    (lasti < act.lasti or (lasti == act.lasti and known is not None and known[1] is not callee))
                    and not self.going_round(act, lasti)
                )
                or act.visit.parent is not visit
            ):
                self._begin(act, statement)
            act.lasti = lasti
            visit = act.visit
            chain.append((frame, callee, act))
        self._last = chain
        return visit
