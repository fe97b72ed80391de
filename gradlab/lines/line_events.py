"""Visits from Python's line events: `sys.settrace` before Python 3.12, `sys.monitoring` from 3.12."""

from __future__ import annotations

import bisect
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CodeType, FrameType
from typing import Any

from gradlab.lines.visits import FOLDED, GENERATORS, MARKS, Activation, Tracker, Visit


class LineEvents(Tracker):
    """Visits from Python's line events, in the thread that starts it."""

    rule = "line events"

    def __init__(self, is_user: Callable[[str], bool], uid: Callable[[], int] | None = None) -> None:
        super().__init__(is_user, uid)
        self._stack: list[Activation] = []
        self._generators: dict[int, Activation] = {}  # by id of the frame
        self._marks: list[int] = []
        self._marked: list[Visit | None] = []
        self._before: Any = None
        self._folds: list[bool] = []

    def current(self) -> Visit | None:
        return self._stack[-1].visit if self._stack else None

    def made_at(self, key: int) -> Visit | None:
        i = bisect.bisect_left(self._marks, key) - 1
        return self._marked[i] if i >= 0 else None

    def start(self, base: FrameType) -> None:
        self._before = sys.gettrace()
        sys.settrace(self._called)

    def stop(self) -> None:
        sys.settrace(self._before)
        self._stack.clear()
        self._generators.clear()

    @contextmanager
    def paused(self) -> Iterator[None]:
        # `sys.settrace` hears every call of Python, also those of TensorFlow's own backward functions.
        if sys.gettrace() != self._called:
            yield
            return
        sys.settrace(None)
        try:
            yield
        finally:
            sys.settrace(self._called)

    def _mark(self, visit: Visit | None) -> None:
        if self._uid is None:
            return
        self._marks.append(self._uid())
        self._marked.append(visit)
        if len(self._marks) > MARKS:
            del self._marks[: MARKS // 2], self._marked[: MARKS // 2]

    def _called(self, frame: FrameType, event: str, arg: Any) -> Any:
        code = frame.f_code
        known = self._codes.get(id(code))
        if not (known[1] if known is not None else self.mine(code)):
            return None
        return self._line_event if self.enter(frame) else self._folded_event

    def _line_event(self, frame: FrameType, event: str, arg: Any) -> Any:
        if event == "line":
            self.line(frame)
        elif event == "return":
            self.leave(frame)
        return self._line_event

    def _folded_event(self, frame: FrameType, event: str, arg: Any) -> Any:
        if event == "return":
            self.leave(frame)
        return self._folded_event

    def enter(self, frame: FrameType) -> bool:
        """A frame of the learner's starts or goes on. False: it is a part of the statement that calls it."""
        code = frame.f_code
        outer = self._stack[-1] if self._stack else None
        if code.co_name in FOLDED and outer is not None and outer.code.co_filename == code.co_filename:
            if outer.first.get(code.co_firstlineno, code.co_firstlineno) == outer.statement:
                self._stack.append(outer)
                self._folds.append(True)
                return False
        act = None
        if code.co_flags & GENERATORS:
            act = self._generators.get(id(frame))
            if act is not None and act.code is not code:
                act = None  # the frame is gone and its place was taken by another
        if act is None:
            act = self._activation(code, outer.visit if outer is not None else None)
            if code.co_flags & GENERATORS:
                self._generators[id(frame)] = act
        self._stack.append(act)
        self._folds.append(False)
        return True

    def line(self, frame: FrameType) -> None:
        """A line of the frame on top begins."""
        if not self._stack:
            return
        act = self._stack[-1]
        line, lasti = frame.f_lineno, frame.f_lasti
        statement = act.first.get(line, line)
        if statement != act.statement or (lasti <= act.lasti and not self.going_round(act, lasti)):
            self._mark(self._begin(act, statement))
        act.lasti = lasti

    def leave(self, frame: FrameType) -> None:
        """The frame on top ends or waits."""
        if not self._stack:
            return
        self._stack.pop()
        self._folds.pop()
        self._mark(self._stack[-1].visit if self._stack else None)

    def folded(self) -> bool:
        """Is the frame on top a part of the statement that called it?"""
        return bool(self._folds) and self._folds[-1]


class Monitoring(LineEvents):
    """The same from `sys.monitoring` (Python 3.12 and later)."""

    def __init__(self, is_user: Callable[[str], bool], uid: Callable[[], int] | None = None, tool: int = 3) -> None:
        super().__init__(is_user, uid)
        self._tool = tool
        self._thread = 0

    @contextmanager
    def paused(self) -> Iterator[None]:
        yield  # calls of other code are not heard anyway

    def start(self, base: FrameType) -> None:
        monitoring = sys.monitoring  # type: ignore[attr-defined,unused-ignore]
        self._thread = threading.get_ident()
        off, events = monitoring.DISABLE, monitoring.events

        def only_mine(act: Callable[[FrameType], Any], disable: Any = off) -> Callable[..., Any]:
            def heard(code: CodeType, *_: Any) -> Any:
                if not self.mine(code):
                    return disable
                if threading.get_ident() == self._thread:
                    act(sys._getframe(1))
                return None

            return heard

        def line(frame: FrameType) -> None:
            if not self.folded():
                self.line(frame)

        monitoring.use_tool_id(self._tool, "gradlab")
        table = {
            events.PY_START: only_mine(self.enter),
            events.PY_RESUME: only_mine(self.enter),
            events.PY_THROW: only_mine(self.enter, None),
            events.LINE: only_mine(line),
            events.PY_RETURN: only_mine(self.leave),
            events.PY_YIELD: only_mine(self.leave),
            events.PY_UNWIND: only_mine(self.leave, None),
        }
        for event, call in table.items():
            monitoring.register_callback(self._tool, event, call)
        monitoring.restart_events()  # what an earlier run disabled
        monitoring.set_events(self._tool, sum(table))

    def stop(self) -> None:
        monitoring = sys.monitoring  # type: ignore[attr-defined,unused-ignore]
        if monitoring.get_tool(self._tool) == "gradlab":
            monitoring.set_events(self._tool, 0)
            monitoring.free_tool_id(self._tool)
        self._stack.clear()
        self._generators.clear()
