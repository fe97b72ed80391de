"""Visits: each time that a statement of the learner's ran, and which visit is going on now.

Two rules, each in a file of its own. `line_events` listens to Python's line events: `sys.settrace` before Python 3.12, `sys.monitoring` from 3.12.
Where a debugger or coverage holds that hook, `op_stacks` looks at the stack at every op instead: a statement is visited
anew where its frame is another one, where its bytecode offset went back, or where it called something anew.
"""

from __future__ import annotations

import dis
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CodeType, FrameType

from gradlab.lines import statements

FOLDED = frozenset({"<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>", "<lambda>"})
GENERATORS = 0x20 | 0x80 | 0x200  # CO_GENERATOR, CO_COROUTINE, CO_ASYNC_GENERATOR of `inspect`
# Line events that are remembered to tell where a value from Python was made. Such a value is used within a few lines;
# this many are some seconds of Python, and about 10 MB.
MARKS = 100_000
_CUSTOM = "custom_gradient.py"  # the file of TensorFlow's custom gradients


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


def turns(code: CodeType) -> list[tuple[int, int]]:
    """Where the bytecode of a function goes round in a comprehension: (first offset, last offset) of each.

    From Python 3.12 on a comprehension is compiled into the function around it (PEP 709). A jump back inside of it is a
    turn of the comprehension, and no new visit of the statement. Empty before 3.12, where it has a frame of its own.
    """
    if sys.version_info < (3, 12):
        return []
    around = statements.cached(code.co_filename).comprehensions
    if not around:
        return []
    found = []
    for op in dis.get_instructions(code):
        at = op.positions
        if (
            op.opname.startswith("JUMP_BACKWARD")
            and at is not None
            and at.lineno is not None
            and at.col_offset is not None
        ):
            start, end = (at.lineno, at.col_offset), (at.end_lineno or at.lineno, at.end_col_offset or 0)
            if any((a, c) <= start and end <= (b, d) for a, b, c, d in around):
                found.append((int(op.argval), op.offset))
    return found


class Tracker:
    """What both rules share: numbering of visits and loop turns."""

    rule = ""

    def __init__(self, is_user: Callable[[str], bool], uid: Callable[[], int] | None = None) -> None:
        self._is_user, self._uid = is_user, uid
        self._codes: dict[int, tuple[CodeType, bool]] = {}  # by id: hashing a code object hashes its content
        self._turns: dict[int, list[tuple[int, int]]] = {}  # by id of the code, which `_codes` keeps alive
        self._activations = self._visits = 0
        self.active: tuple[int, ...] = ()  # the tapes that record now, kept up to date by the recording
        self.ran: dict[str, dict[int, int]] = {}  # file -> statement -> how often it ran
        self.own_gradients = False  # a custom gradient was defined or called: the way back may run the learner's code

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
            self.own_gradients |= code.co_filename.endswith(_CUSTOM)
        return known[1]

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Hear nothing meanwhile, where hearing costs something: none of the learner's code runs."""
        yield

    def going_round(self, act: Activation, lasti: int) -> bool:
        """Is this offset, reached by a jump back, another turn of the comprehension that the last one was in?"""
        known = self._turns.get(id(act.code))
        if known is None:
            known = self._turns[id(act.code)] = turns(act.code)
        return any(first <= lasti and act.lasti <= last for first, last in known)

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
