"""Traces written by hand: values have names, and an op is one line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from gradlab.doctor.recording.recorded_run import Run
from gradlab.doctor.recording.trace import Op, Trace


@dataclass
class Value:
    """What stands for a tensor: as much of it as the analysis asks for."""

    dtype: Any = tf.float32
    shape: Any = ()


class Drawn:
    """A trace, line by line: `d.op("Mul", "x w", "y")`. Names that end in _i are integers, in _v variables."""

    def __init__(self) -> None:
        self.keys: dict[str, int] = {}
        self.trace = Trace()
        self.gradients: dict[int, Any] = {}

    def __getitem__(self, name: str) -> int:
        return self.keys.setdefault(name, len(self.keys) + 1)

    def value(self, name: str) -> Value:
        dtype = tf.int32 if name.endswith("_i") else tf.resource if name.endswith("_v") else tf.float32
        return Value(dtype)

    def op(self, kind: str, ins: str, outs: str = "", *, marks: tuple[str, ...] = (), line: int = 0) -> Op:
        taken, made = ins.split(), outs.split()
        code = (lambda: None).__code__
        stack = ((code, line or len(self.trace.ops) + 1),)
        op = Op(len(self.trace.ops), kind, tuple(map(self.__getitem__, taken)), tuple(map(self.__getitem__, made)),
                stack, frozenset(marks))  # fmt: skip
        self.trace.add(op, map(self.value, taken), map(self.value, made))
        return op

    def run(self, loss: str, live: str) -> Run:
        """The run with a gradient of 1 for the values named in `live` and none for the others."""
        target = self.value(loss)
        run = Run(self.trace, [target], lambda thing: self[loss] if thing is target else -1)
        run.gradients = {self[name]: tf.constant(1.0) for name in live.split()}
        return run
