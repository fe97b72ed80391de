"""Remember variables and random generators, and put them back."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import tensorflow as tf

from gradlab.doctor.op_types import READS
from gradlab.doctor.recording.alive import instances, kinds_of
from gradlab.doctor.recording.sources import Eager
from gradlab.doctor.recording.trace import Trace


def live_variables() -> list[Any]:
    """Every eager resource variable that is alive (Keras variables, metrics, seed generators and tf.random.Generator
    hold such)."""
    return [v for v in instances(kinds_of(tf.Variable)) if isinstance(_handle(v), Eager)]


def _handle(variable: Any) -> Any:
    try:
        return getattr(variable, "handle", None)
    except (ValueError, RuntimeError):
        return None  # a variable spread over devices has one handle for each, outside of their context none


class Snapshot:
    """The values of all live variables and of Python's and NumPy's generators at one moment.

    TensorFlow's global generator is looked after by `tf_internals.generator_kept`.

    Values share the variables' buffers until something writes to them, so this costs little memory.
    """

    def __init__(self, key: Any) -> None:
        self._key = key
        self._values: dict[int, tuple[Any, Any]] = {}
        for variable in live_variables():
            try:
                value = variable.read_value()
                # After a trace that failed Keras 3 leaves variables of shape (0,) behind, which cannot be put back.
                if variable.shape.is_compatible_with(value.shape):
                    self._values[key(variable)] = (variable, value)
            except tf.errors.FailedPreconditionError:
                continue  # made, but never initialised: nothing to remember
        self._python = random.getstate()
        self._numpy = np.random.get_state()

    def variable(self, handle: int) -> Any:
        """The variable with this handle key, or None."""
        return self._values[handle][0] if handle in self._values else None

    def handles(self) -> Iterable[int]:
        return self._values

    def restore(self, handles: Iterable[int]) -> list[str]:
        """Put back these variables and the Python and NumPy generators. Returns the names of variables that refuse their
        value: a trace that failed has left them behind with a handle of another shape."""
        refused = []
        with tf.init_scope():
            for handle in handles:
                if handle in self._values:
                    variable, value = self._values[handle]
                    try:
                        variable.assign(value, read_value=False)
                    except tf.errors.InvalidArgumentError:
                        refused.append(str(getattr(variable, "name", "") or "a variable").removesuffix(":0"))
        random.setstate(self._python)
        np.random.set_state(self._numpy)
        return refused

    @contextmanager
    def with_new(self) -> Iterator[None]:
        """Variables that are made in this block, as a model makes them at its first call, are remembered as they began."""

        def creator(make: Any, **keywords: Any) -> Any:
            variable = make(**keywords)
            if isinstance(_handle(variable), Eager):
                self._values[self._key(variable)] = (variable, variable.read_value())
            return variable

        with tf.variable_creator_scope(creator):
            yield

    def restore_variables(self) -> None:
        """Put back all variables and leave the generators: what the user's own call would have drawn stays drawn."""
        for variable, value in self._values.values():
            variable.assign(value, read_value=False)

    def changed(self) -> set[int]:
        """Handles whose value is not the remembered one (compares every value: only for when no trace says what was
        written)."""
        out = set()
        for handle, (variable, value) in self._values.items():
            if variable.shape != value.shape or not np.array_equal(variable.numpy(), value.numpy()):
                out.add(handle)
        return out


def refused_note(names: Iterable[str]) -> list[str]:
    """A note for a report where `restore` could not put back these variables; else empty."""
    known = list(dict.fromkeys(names))
    if not known:
        return []
    return [
        f"the value of before could not be put back into {', '.join(known)}: a trace that failed has left the variable "
        f"with another shape than its value, so nothing can be assigned to it"
    ]


def written(trace: Trace) -> set[int]:
    """Handles that an op of the trace may have written to."""
    out: set[int] = set()
    for op in trace.ops:
        if op.type in READS:
            continue
        for k in op.ins:
            tensor = trace.tensors[k]
            if getattr(tensor, "dtype", None) == tf.resource:
                out.add(k)
    return out
