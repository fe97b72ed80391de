"""What a recorded run looks like: its ops in order, its tensors, and a tape that knows them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gradlab.doctor.recording.frames import Spot, Stack

if TYPE_CHECKING:
    from gradlab.doctor.recording.rebuild import Rebuilt


class Op:
    """One executed operation: its type, the keys of what went in and came out, and the learner's frames around it."""

    __slots__ = ("attrs", "index", "ins", "marks", "outs", "spot", "stack", "tapes", "type")

    def __init__(
        self,
        index: int,
        type: str,
        ins: tuple[int, ...],
        outs: tuple[int, ...],
        stack: Stack,
        marks: frozenset[str],
        attrs: Any = None,
        tapes: frozenset[int] = frozenset(),
        spot: Spot | None = None,
    ) -> None:
        self.index, self.type, self.ins, self.outs = index, type, ins, outs
        self.stack, self.marks, self.attrs, self.tapes = stack, marks, attrs, tapes
        self.spot = spot  # the same frames as instructions; None in a graph

    def __repr__(self) -> str:
        line = self.stack[0][1] if self.stack else "?"
        return f"{self.index}:{self.type}({self.ins})->{self.outs} @{line}"


@dataclass
class Conversion:
    """A tensor's value was handed to Python or NumPy by `kind` (numpy, __float__, __bool__, ...), before op number
    `before`."""

    key: int
    kind: str
    before: int
    stack: Stack
    marks: frozenset[str]
    spot: Spot | None = None  # as in Op


@dataclass
class Trace:
    """Everything a recorder saw in one run."""

    ops: list[Op] = field(default_factory=list)
    tensors: dict[int, Any] = field(default_factory=dict)  # key -> eager tensor (kept alive)
    producer: dict[int, Op] = field(default_factory=dict)
    conversions: list[Conversion] = field(default_factory=list)
    external: dict[int, Op] = field(
        default_factory=dict
    )  # key of a tensor nobody produced -> first op that consumed it
    first_key: int = 0  # keys from here on were made during the run (0: unknown)
    functions: int = 0  # tf.functions that were called
    calls: list[tuple[int, Any, Any, Any]] = field(
        default_factory=list
    )  # (before op, function, args, kwargs) of those left as graphs
    rebuilt: Rebuilt | None = None  # how to make the tape
    reads: dict[int, int] = field(default_factory=dict)  # tensor that was read without an op of its own -> handle
    truncated: bool = False  # the limit on ops was reached

    @property
    def tape(self) -> Any:
        """A persistent tape on which every value with a gradient is watched. Made when first needed; None in a graph."""
        return self.rebuilt.tape() if self.rebuilt is not None else None

    def add(self, op: Op, inputs: Iterable[Any], outputs: Iterable[Any]) -> None:
        """Append an op; `inputs` and `outputs` are the tensors in the order of its keys."""
        self.ops.append(op)
        for key, tensor in zip(op.ins, inputs, strict=True):
            if key not in self.tensors:
                self.tensors[key] = tensor
                self.external.setdefault(key, op)
        for key, tensor in zip(op.outs, outputs, strict=True):
            self.tensors[key] = tensor
            self.producer[key] = op


@dataclass(frozen=True)
class TensorStub:
    """What is left of a tensor of an earlier recording: its dtype and shape."""

    dtype: Any
    shape: Any


def joined(first: Trace, second: Trace) -> Trace:
    """Two traces, one after the other."""
    for i, op in enumerate(first.ops):
        op.index = i
    shift = len(first.ops)
    for i, op in enumerate(second.ops):
        op.index = shift + i
    conversions = [Conversion(c.key, c.kind, c.before + shift, c.stack, c.marks, c.spot) for c in second.conversions]
    calls = [(n + shift, f, a, k) for n, f, a, k in second.calls]
    both = Trace([*first.ops, *second.ops], {**first.tensors, **second.tensors}, {**first.producer, **second.producer})
    both.reads = {**first.reads, **second.reads}
    both.conversions, both.calls = conversions, calls
    both.external = {k: op for k, op in second.external.items() if k not in first.producer}
    both.first_key, both.functions, both.rebuilt, both.truncated = (
        second.first_key,
        second.functions,
        second.rebuilt,
        second.truncated,
    )
    return both


def since(trace: Trace, start: int) -> Trace:
    """The part of a trace from op number `start` on (ops keep their numbers)."""
    part = Trace([op for op in trace.ops if op.index >= start], trace.tensors)
    part.producer = {k: op for k, op in trace.producer.items() if op.index >= start}
    for op in part.ops:
        for k in op.ins:
            if k not in part.producer:
                part.external.setdefault(k, op)
    part.conversions = [c for c in trace.conversions if c.before >= start]
    part.calls, part.reads = trace.calls, trace.reads
    part.first_key, part.functions, part.rebuilt, part.truncated = (
        trace.first_key,
        trace.functions,
        trace.rebuilt,
        trace.truncated,
    )
    return part
