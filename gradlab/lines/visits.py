"""Visits: each time that a statement of the learner's ran, and which visit is going on now.

Two rules. `LineEvents` listens to Python's line events: `sys.settrace` before Python 3.12, `sys.monitoring` from 3.12.
Where a debugger or coverage holds that hook, `OpStacks` looks at the stack at every op instead: a statement is visited
anew where its frame is another one, where its bytecode offset went back, or where it called something anew.
"""

from __future__ import annotations

import bisect
import sys
import threading
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any

from gradlab.lines import statements

FOLDED = frozenset({"<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>", "<lambda>"})
GENERATORS = 0x20 | 0x80 | 0x200  # CO_GENERATOR, CO_COROUTINE, CO_ASYNC_GENERATOR of `inspect`
# Line events that are remembered to tell where a value from Python was made. Such a value is used within a few lines;
# this many are some seconds of Python, and about 10 MB.
MARKS = 100_000


class Visit:
    """One time that a statement ran. `n` counts the visits of the statement, `loop` the turns of the loops around it."""

    __slots__ = ("activation", "active", "code", "id", "loop", "n", "parent", "statement")

    def __init__(
        self,
        id: int,
        parent: Visit | None,
        activation: int,
        code: CodeType,
        statement: int,
        n: int,
        loop: tuple[int, ...],
        active: tuple[int, ...],
    ) -> None:
        self.id, self.parent, self.activation, self.code = id, parent, activation, code
        self.statement, self.n, self.loop, self.active = statement, n, loop, active

    @property
    def file(self) -> str:
        """The file of the statement."""
        return self.code.co_filename

    def chain(self) -> list[Visit]:
        """This visit and those it was called from, innermost first."""
        found: list[Visit] = []
        at: Visit | None = self
        while at is not None:
            found.append(at)
            at = at.parent
        return found

    def __repr__(self) -> str:
        return f"{self.code.co_name}:{self.statement}#{self.n}"


class Activation:
    """One frame of the learner's."""

    __slots__ = ("code", "counts", "first", "headers", "id", "lasti", "loop", "loops", "parent", "statement", "visit", "withs")  # fmt: skip

    def __init__(self, id: int, code: CodeType, parent: Visit | None, counts: dict[int, int]) -> None:
        known = statements.cached(code.co_filename)
        self.id, self.code, self.parent, self.counts = id, code, parent, counts
        self.first, self.headers, self.loops, self.withs = known.first, known.headers, known.loops, known.withs
        self.statement, self.lasti = -1, -1
        self.visit: Visit | None = None
        self.loop: dict[int, int] = {}


class Tracker:
    """What both rules share: numbering of visits and loop turns."""

    rule = ""

    def __init__(self, is_user: Callable[[str], bool], uid: Callable[[], int] | None = None) -> None:
        self._is_user, self._uid = is_user, uid
        self._codes: dict[int, tuple[CodeType, bool]] = {}  # by id: hashing a code object hashes its content
        self._activations = self._visits = 0
        self.active: tuple[int, ...] = ()  # the tapes that record now, kept up to date by the recording
        self.ran: dict[str, dict[int, int]] = {}  # file -> statement -> how often it ran

    def start(self, base: FrameType) -> None:
        """Begin; frames outside of `base` do not count."""

    def stop(self) -> None:
        """End, and put back what was there."""

    def current(self) -> Visit | None:
        """The visit that is going on."""
        return None

    def made_at(self, key: int) -> Visit | None:
        """The visit during which a tensor with this number was made, as far as is known."""
        return None

    def mine(self, code: CodeType) -> bool:
        """Is it the learner's code?"""
        known = self._codes.get(id(code))
        if known is None:
            known = self._codes[id(code)] = (code, self._is_user(code.co_filename))
        return known[1]

    def _activation(self, code: CodeType, parent: Visit | None) -> Activation:
        self._activations += 1
        counts = self.ran.get(code.co_filename)
        if counts is None:
            statements.of_file(code.co_filename)
            counts = self.ran[code.co_filename] = {}
        return Activation(self._activations, code, parent, counts)

    def _begin(self, act: Activation, statement: int) -> Visit:
        before, act.statement = act.statement, statement
        n = act.counts.get(statement, 0)
        body = act.withs.get(statement)
        if body is not None and act.visit is not None and body[0] <= before <= body[1] and n:
            n -= 1  # Python goes back to the header to leave the block: no second visit
        act.counts[statement] = n + 1
        if statement in act.headers:
            act.loop[statement] = act.loop.get(statement, 0) + 1 if statement in act.loops.get(before, ()) else 0
        around = act.loops.get(statement, ())
        loop = tuple([act.loop.get(h, 0) for h in around]) if around else ()
        self._visits += 1
        visit = act.visit = Visit(self._visits, act.parent, act.id, act.code, statement, n, loop, self.active)
        return visit


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
        if statement != act.statement or lasti <= act.lasti:
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
                or lasti < act.lasti
                or (lasti == act.lasti and known is not None and known[1] is not callee)
                or act.visit.parent is not visit
            ):
                self._begin(act, statement)
            act.lasti = lasti
            visit = act.visit
            chain.append((frame, callee, act))
        self._last = chain
        return visit


def tracker(is_user: Callable[[str], bool], uid: Callable[[], int] | None = None) -> Tracker:
    """Line events where they can be had, else the stack at each op."""
    if sys.version_info >= (3, 12):
        monitoring = sys.monitoring
        for tool in (3, 4, 2):  # 0 is a debugger's, 1 coverage's, 5 an optimiser's
            if monitoring.get_tool(tool) is None:
                return Monitoring(is_user, uid, tool)
        return OpStacks(is_user, uid)
    return OpStacks(is_user, uid) if sys.gettrace() is not None else LineEvents(is_user, uid)
