"""What one thread did, kept as it comes: cheap entries while it runs, a Trace when a report is asked."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from gradlab.doctor.op_types import READS
from gradlab.doctor.recording import op_arguments, rebuild, tf_internals
from gradlab.doctor.recording.frames import Spots, stack_of
from gradlab.doctor.recording.tf_internals import BACKWARD, EXECUTED, STOPPED, EagerTensor, key, number_of, shape_of
from gradlab.doctor.recording.trace import Conversion, Op, TensorStub, Trace

MAX_OPS = 100_000  # entries; about 0.5 kB each beside the tensors, which are the larger part
HISTORY = 5_000  # light entries kept of earlier tapes: a few MB, some tens of milliseconds in a report
CALLS = 100  # calls of tf.functions whose arguments are kept


class Record:
    """The entries of one thread, and which tapes were recording when.

    Positions are numbers of entries. Only its thread appends; any thread may read, close or build a trace.
    """

    def __init__(
        self,
        owner: str,
        *,
        limit: int = MAX_OPS,
        before: Record | Light | None = None,
        eager: Callable[[Any], bool] | None = None,
        on_full: Callable[[Record], None] | None = None,
    ) -> None:
        self.owner, self.limit, self.before, self.eager, self.on_full = owner, limit, before, eager, on_full
        self.thread = threading.current_thread().name
        self.entries: list[Any] = []
        self.spots = Spots()
        self.spots.remembers = owner == "explain"
        self.here = self.spots.here
        self.first_key = tf_internals.now()
        self.conversions: list[tuple[int, Any, str, Any]] = []  # (position, tensor, kind, spot)
        self.calls: list[tuple[int, Any, Any, Any]] = []  # (position, function, args, kwargs) of tf.functions
        self.functions = 0
        self.active: frozenset[int] = frozenset()  # tokens of the tapes that are recording
        self.switches: list[tuple[int, frozenset[int]]] = []  # (position, active from there on)
        self.waiting: dict[int, Any] = {}  # token -> log of the tapes that may still be asked
        self.truncated = False
        self.closed = False
        self.on_op: Callable[[int], None] | None = None
        self._built: tuple[int, Trace, list[int]] | None = None

    def append(self, entry: Any) -> None:
        entries = self.entries
        if len(entries) >= self.limit:
            if self.on_full is not None:
                self.on_full(self)
            else:
                self.truncated = True
            return
        entries.append(entry)
        if self.on_op is not None:
            self.on_op(len(entries))

    def test(self, usable: Callable[[], Any]) -> None:
        """Call `usable` at the first entry, before it is kept."""

        def first(entry: Any) -> None:
            del self.append
            usable()
            self.append(entry)

        self.append = first  # type: ignore[method-assign]

    def position(self) -> int:
        return len(self.entries)

    def switch(self, active: frozenset[int]) -> None:
        """From here on these tapes are recording."""
        self.active = active
        self.switches.append((len(self.entries), active))
        if active:
            self.spots.remembers = True
        else:
            self.spots.release()

    def converted(self, tensor: Any, kind: str) -> None:
        """A tensor's value leaves TensorFlow."""
        if len(self.conversions) < self.limit:
            self.conversions.append((len(self.entries), tensor, kind, self.here()))

    def called(self, function: Any, args: Any, kwargs: Any) -> bool:
        """A tf.function is about to be called. True: run its Python function instead (explain only)."""
        self.functions += 1
        if len(self.calls) < CALLS:
            self.calls.append((len(self.entries), function, args, kwargs))
        return self.eager is not None and self.eager(function)

    def handles(self) -> set[int]:
        """Keys of the resource handles that some op was given, except by a mere read: what may have been written to."""
        found: set[int] = set()
        for entry in list(self.entries):
            kind, name = entry[0] & ~STOPPED, entry[1]
            if kind == BACKWARD or (name.decode() if isinstance(name, bytes) else name) in READS:
                continue
            for t in entry[2][0] if kind == EXECUTED else entry[2]:
                if type(t) is EagerTensor and t.dtype == tf.resource:
                    found.add(number_of(t))
        return found

    # --- reading it ---------------------------------------------------------------------------------------------------

    def trace(self) -> Trace:
        """The trace of what was recorded so far. Nothing runs again."""
        return self._built_now()[1]

    def number(self, position: int) -> int:
        """The number, in the trace, of the first op at or after a position."""
        numbers = self._built_now()[2]
        return numbers[min(position, len(numbers) - 1)]

    def _built_now(self) -> tuple[int, Trace, list[int]]:
        if self._built is None or self._built[0] != len(self.entries):
            with tf_internals.recording_to(None):
                self._built = self._build()
        return self._built

    def _build(self) -> tuple[int, Trace, list[int]]:
        entries = list(self.entries)
        trace = Trace(first_key=self.first_key, functions=self.functions, truncated=self.truncated)
        steps: list[rebuild.Step] = []
        numbers: list[int] = []
        switches = iter([*self.switches, (len(entries) + 1, self.active)])
        tapes: frozenset[int] = frozenset()
        at, coming = next(switches)
        for position, entry in enumerate(entries):
            while at <= position:
                tapes = coming
                at, coming = next(switches)
            numbers.append(len(trace.ops))
            kind, name = entry[0] & ~STOPPED, entry[1]
            name = name.decode() if isinstance(name, bytes) else str(name)
            backward = None
            attributes: tuple[Any, ...] | None = None
            if kind == BACKWARD:
                ins, outs, backward = entry[2], entry[3], entry[5]
            elif kind == EXECUTED:
                ins, attributes, outs = op_arguments.of_slow_path(entry[2][0], entry[2][1], entry[3])
            else:
                ins, attributes, outs = op_arguments.of_fast_path(name, entry[2], entry[3])
            step = rebuild.Step(len(trace.ops), name, ins, attributes, outs, backward, bool(entry[0] & STOPPED))
            steps.append(step)
            if kind == BACKWARD:
                ins, outs = ([t for t in side if isinstance(t, EagerTensor)] for side in (ins, outs))
                if all(key(t) in trace.producer for t in outs):
                    continue  # the op itself was seen
            frames, marks = stack_of(entry[4])
            op = Op(
                len(trace.ops),
                name,
                tuple(map(key, ins)),
                tuple(map(key, outs)),
                frames,
                marks,
                attributes,
                tapes,
                entry[4],
            )
            trace.add(op, ins, outs)
        numbers.append(len(trace.ops))
        for position, tensor, how, spot in list(self.conversions):
            frames, marks = stack_of(spot)
            k = key(tensor)
            trace.conversions.append(Conversion(k, how, numbers[min(position, len(entries))], frames, marks, spot))
            trace.tensors.setdefault(k, tensor)
        trace.calls = [(numbers[min(n, len(entries))], f, a, k) for n, f, a, k in list(self.calls)]
        trace.rebuilt = rebuild.Rebuilt(steps)
        return len(entries), trace, numbers

    def history(self) -> Trace | None:
        """What is left of the record before this one."""
        if self.before is None:
            return None
        return self.before.trace()

    def since(self, start: int) -> Record:
        """A record that goes on with this one's entries from a position on. This one gets no more."""
        new = Record(self.owner, limit=self.limit, before=Light(self, start), eager=self.eager, on_full=self.on_full)
        new.first_key, new.active, new.waiting = self.first_key, self.active, self.waiting
        new.entries = self.entries[start:]
        new.conversions = [(n - start, *rest) for n, *rest in self.conversions if n >= start]
        new.calls = [(n - start, *rest) for n, *rest in self.calls if n >= start]
        new.functions = len(new.calls)
        tapes = [active for n, active in self.switches if n <= start]
        new.switches = [(0, tapes[-1])] if tapes else []
        new.switches += [(n - start, active) for n, active in self.switches if n > start]
        self.waiting = {}
        return new

    def lighten_history(self) -> None:
        """Let go of the tensors of the record before this one."""
        if isinstance(self.before, Record):
            self.before = Light(self.before)


class Light:
    """Records without their tensors, oldest first: enough to say where a value came from."""

    def __init__(self, record: Record, end: int | None = None) -> None:
        before = record.before
        earlier: Light | None = Light(before) if isinstance(before, Record) else before
        parts = [_Part(record, end), *(earlier.parts[::-1] if earlier is not None else ())]
        room = HISTORY
        kept: list[_Part] = []
        for part in parts:
            if kept and len(part.rows) > room:
                break
            room -= len(part.rows)
            kept.append(part)
        self.parts: tuple[_Part, ...] = tuple(kept[::-1])

    def trace(self) -> Trace:
        """The ops of all of them, with ghosts for tensors."""
        made = Trace(first_key=self.parts[-1].first_key)
        for part in self.parts:
            ghosts = {k: TensorStub(dtype, tf.TensorShape(shape)) for k, (dtype, shape) in part.known.items()}
            for name, ins, outs, spot, tapes in part.rows:
                name = name.decode() if isinstance(name, bytes) else name
                op = Op(len(made.ops), name, tuple(ins), tuple(outs), *stack_of(spot), None, tapes, spot)
                made.add(op, [ghosts[k] for k in ins], [ghosts[k] for k in outs])
        return made


class _Part:
    """What one record leaves: types, keys and spots of its ops, dtypes and shapes of its tensors."""

    def __init__(self, record: Record, end: int | None) -> None:
        self.first_key = record.first_key
        self.known: dict[int, tuple[Any, Any]] = {}
        self.rows: list[tuple[Any, list[int], list[int], Any, frozenset[int]]] = []
        whole = record.entries[:end]
        entries = whole[-4 * HISTORY :]
        first = len(whole) - len(entries)
        switches = iter([*record.switches, (len(record.entries) + 1, record.active)])
        tapes: frozenset[int] = frozenset()
        at, coming = next(switches)
        for position, entry in enumerate(entries, first):
            while at <= position:
                tapes = coming
                at, coming = next(switches)
            kind = entry[0] & ~STOPPED
            if kind == BACKWARD:
                continue
            ins: list[int] = []
            outs: list[int] = []
            _ids(entry[2][0] if kind == EXECUTED else entry[2], self.known, ins)
            out = entry[3]
            _ids(out if isinstance(out, (list, tuple)) else (out,), self.known, outs)
            self.rows.append((entry[1], ins, outs, entry[4], tapes))


def _ids(things: Any, known: dict[int, tuple[Any, Any]], found: list[int]) -> None:
    for t in things:
        kind = type(t)
        if kind is EagerTensor:
            k = number_of(t)
            found.append(k)
            if k not in known:
                known[k] = t.dtype, shape_of(t)
        elif kind is list or kind is tuple:
            _ids(t, known, found)
