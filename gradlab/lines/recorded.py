"""What a recording holds: ops with their visits, tapes with their mirrors, and questions. Plain data."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from gradlab.lines.doctor_parts import Eager, key
from gradlab.lines.visits import Visit


class Op:
    """One op: what went in and came out by number, its visit, and the tapes that recorded it."""

    __slots__ = ("active", "attrs", "index", "ins", "outs", "type", "visit")

    def __init__(self, index: int, type: str, ins: tuple[int, ...], outs: tuple[int, ...], attrs: Any, visit: Visit | None, active: tuple[int, ...]) -> None:  # fmt: skip
        self.index, self.type, self.ins, self.outs = index, type, ins, outs
        self.attrs, self.visit, self.active = attrs, visit, active


class Stretch:
    """The ops from one place of a run to another, with every tensor that they touch."""

    def __init__(self) -> None:
        self.ops: list[Op] = []
        self.tensors: dict[int, Any] = {}
        self.producer: dict[int, Op] = {}
        self.hosts: dict[int, Visit | None] = {}  # floats that no op made, and the visit during which they were made
        self.given: set[int] = set()  # gradients that a tape gave
        self.truncated = False


class TapeSeen:
    """One tape of the learner's."""

    def __init__(self, number: int, persistent: bool, mirror: Any, stretch: Stretch) -> None:
        self.number, self.persistent, self.mirror, self.stretch = number, persistent, mirror, stretch
        self.entered: int | None = None
        self.withs: list[tuple[str, int]] = []  # file and line of the `with`
        self.holes: list[tuple[str, int]] = []  # of stop_recording
        self.late: dict[int, Op | None] = {}  # values that were watched only after this op had used them
        self.recording = False

    def watched(self, tensors: Any) -> None:
        """The mirror watches these from now on, so that no use of them is missed."""
        for t in tf.nest.flatten(tensors, expand_composites=True):
            if isinstance(t, Eager):
                self.late.setdefault(key(t), None)


class Ask:
    """One question to a tape: gradient, jacobian or batch_jacobian."""

    def __init__(self, what: str, tape: TapeSeen, target: Any, sources: Any, at: int, weights: Any = None) -> None:
        self.what, self.tape, self.target, self.sources, self.weights = what, tape, target, sources, weights
        self.at = self.end = at
        self.result: Any = None
        self.error: BaseException | None = None
        self.visit: Visit | None = None
        self.file, self.line = "", 0
        self.frames: list[Any] = []  # (code, names) of the learner's frames around the question
        self.start = 0  # op where its window begins
        self.own = False  # our question, not the learner's
        self.in_function = False  # asked in a tf.function that runs eagerly in place of its graph
        self.from_owner = False  # its sources are all variables of a layer, model or module
        self.spans: list[tuple[int, int]] = []  # ops of other questions

    @property
    def stretch(self) -> Stretch:
        """The ops that the question is about."""
        return self.tape.stretch
