"""What is kept of a tape that is opened while TensorFlow traces a graph, and of each call on it.

Nothing has a value then. A place in time is a number of operations that the graph has. With a call go the tf.function,
or Keras' `fit`, around it and what it was given: with that the same code can run once more in eager mode, and for a
`fit` whose weights have become NaN, from the values that they had before.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tensorflow as tf

from gradlab.doctor.op_types import PYTHON
from gradlab.doctor.recording import tf_internals
from gradlab.doctor.recording.compiled_steps import State
from gradlab.doctor.recording.frames import Place, Stack, as_before, code_of, is_user_file, places, stack, stack_from
from gradlab.doctor.recording.sources import Eager, unwrap


@dataclass
class TracedTape:
    """When one tape recorded, counted in the operations of the graph that was being traced."""

    persistent: bool
    watches_variables: bool
    graph: Any = None
    entered: int | None = None
    exited: int | None = None
    paused: list[tuple[int, int]] = field(default_factory=list)
    reset: int | None = None
    watched: list[tuple[Any, int, list[Place]]] = field(default_factory=list)
    calls: int = 0

    def now(self) -> int:
        return len(self.graph.get_operations()) if self.graph is not None else 0

    def enter(self) -> None:
        self.graph = tf.compat.v1.get_default_graph()
        if self.entered is None:
            self.entered = self.now()
        self.exited = None

    def exit(self) -> None:
        self.exited = self.now()

    @contextmanager
    def stopped(self) -> Iterator[None]:
        first = self.now()
        try:
            yield
        finally:
            self.paused.append((first, self.now()))

    def watch(self, tensors: Any) -> None:
        self.graph = self.graph or tf.compat.v1.get_default_graph()
        spots = places(stack(2)[0])
        self.watched += [(t, self.now(), spots) for t in tf.nest.flatten(tensors, expand_composites=True)]

    def records(self, number: int) -> bool:
        """Did the tape record the operation with this number?"""
        first = max(self.entered or 0, self.reset if self.reset is not None else 0)
        last = self.exited if self.exited is not None else sys.maxsize
        return first <= number < last and not any(a <= number < b for a, b in self.paused)


def running() -> tuple[Any, Any, Any] | None:
    """The outermost tf.function of the learner's that is being called, with what it was given; None if there is none
    (Keras' own, for one)."""
    kind = type(tf.function(lambda: None))
    found, frame = None, sys._getframe()
    while frame is not None:
        function = frame.f_locals.get("self") if frame.f_code.co_name == "__call__" else None
        if isinstance(function, kind):
            code = code_of(function)
            theirs = code is not None and is_user_file(code.co_filename)
            found = (function, frame.f_locals.get("args", ()), frame.f_locals.get("kwds", {})) if theirs else None
        frame = frame.f_back  # type: ignore[assignment]
    return found


@dataclass
class Fitted:
    """A `train_step`, the user's or Keras' own, that Keras' `fit` is tracing, with what `fit` was given."""

    model: Any
    x: Any
    y: Any
    sample_weight: Any
    size: int  # samples in a batch
    takes: Any  # what the step takes, as a structure of tensors of the traced graph
    around: Stack = ()  # the user's frames around `fit`
    state: State = field(default_factory=list)  # the model's and the optimizer's variables before the first step

    def batches(self) -> Iterator[Any]:
        """What `fit` was given, batch by batch in its own order, as the step takes it."""
        if isinstance(self.x, tf.data.Dataset):
            yield from self.x
            return
        given = tf.nest.flatten([part for part in (self.x, self.y, self.sample_weight) if part is not None])
        like = tf.nest.flatten(self.takes)
        if len(given) != sum(t is not None for t in like):
            raise ValueError(f"fit was given {len(given)} arrays, and the step takes {len(like)} tensors")
        for first in range(0, len(given[0]), self.size):
            rest = iter(given)
            yield tf.nest.pack_sequence_as(
                self.takes,
                [None if t is None else _as(next(rest)[first : first + self.size], t) for t in like],
            )

    @property
    def in_order(self) -> bool:
        """Does reading what `fit` was given once more leave it as it is? Each reading of a dataset that shuffles changes
        the order of the next."""
        made = tf_internals.made_of(self.x) if isinstance(self.x, tf.data.Dataset) else (set[str](), set[str]())
        return made is not None and not any("Shuffle" in kind for kind in made[0])

    def run(self, data: Any) -> None:
        """Run the step in eager mode on a batch. The model's attributes are put back; its variables are not."""
        before = dict(vars(self.model))
        try:
            as_before(lambda: self.model.train_step(data), self.around)
        finally:
            vars(self.model).clear()
            vars(self.model).update(before)


def _as(array: Any, like: Any) -> Any:
    """An array as a tensor of the type and rank that the graph has for it."""
    value = tf.cast(tf.convert_to_tensor(array), like.dtype)
    return value[..., None] if like.shape.rank == value.shape.rank + 1 else value


# Bytes of a model that are kept from before `fit`: the weights and the optimizer's slots of ten million parameters.
KEPT = 256 * 2**20
STEPS = frozenset({"train_step", "tf__train_step"})  # as written, and as AutoGraph names it


def fitting() -> Fitted | None:
    """The step that `fit` is tracing, None if there is none, or if `fit` was given what cannot be read twice: a
    generator, or a dataset that runs Python."""
    frame: Any = sys._getframe()
    step = data = None
    while frame is not None:
        code, local = frame.f_code, frame.f_locals
        if code.co_name in STEPS and code.co_argcount == 2:
            step, data = frame, local.get(code.co_varnames[1])  # the outermost: a step may call the one it inherits
        elif step is not None and "data" in local and _is_keras(frame):
            data = local["data"]  # as Keras handed it on; the step may have given its own name another value
        if step is not None and code.co_name == "fit" and _is_keras(frame):
            own = step.f_locals.get(step.f_code.co_varnames[0])
            given = [local.get(name) for name in ("x", "y", "sample_weight")]
            if own is not local.get("self") or local.get("class_weight") is not None or not _can_be_read(given):
                return None
            like = [t for t in tf.nest.flatten(data) if t is not None]
            if not like or not all(isinstance(t, tf.Tensor) for t in like):
                return None
            size = local.get("batch_size") or 32  # Keras' own
            return Fitted(own, given[0], given[1], given[2], size, data, stack_from(frame)[0], _state(own))
        frame = frame.f_back
    return None


def _is_keras(frame: Any) -> bool:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0] in ("keras", "tf_keras")


def _can_be_read(given: list[Any]) -> bool:
    if isinstance(given[0], tf.data.Dataset):
        made = tf_internals.made_of(given[0])
        return made is not None and not made[1] & PYTHON
    parts = tf.nest.flatten([g for g in given if g is not None])
    return bool(parts) and all(isinstance(a, (np.ndarray, Eager)) for a in parts)


def _state(model: Any) -> State:
    """The values of a model's variables and of its optimizer's. Each shares its buffer until the next update."""
    optimizer = getattr(model, "optimizer", None)
    variables = getattr(optimizer, "variables", None) or ()
    variables = variables() if callable(variables) else variables
    found: State = []
    with tf.init_scope(), tf_internals.recording_to(None):
        for variable in map(unwrap, [*model.variables, *variables]):
            handle = getattr(variable, "handle", None) if isinstance(variable, tf.Variable) else None
            if isinstance(handle, Eager) and tf_internals.is_variable(handle):
                found.append((handle, tf_internals.read(handle)))
    sizes = (int(value.shape.num_elements() or 0) * int(value.dtype.size) for _, value in found)
    return found if sum(sizes) <= KEPT else []


@dataclass
class TracedCall:
    """A gradient call on such a tape."""

    tape: TracedTape
    what: str
    target: Any
    sources: Any
    result: Any
    error: BaseException | None
    where: list[Place]
    names: dict[str, Any]
    running: tuple[Any, Any, Any] | None = None  # the learner's tf.function around the call, its args and kwargs
    fitted: Fitted | None = None  # the train_step around the call, if Keras' fit traced it
    frames: list[Any] = field(default_factory=list)  # the learner's frames around the call, see Call
    at: int = 0  # operations that the graph had before the call added its own
    own: dict[int, Any] = field(default_factory=dict)  # id of a source -> its variable in this replica
    contents: dict[int, int] = field(default_factory=dict)  # checksums of the sources, before the step ran
    unread: str = ""  # why there are none

    def __post_init__(self) -> None:
        self.at = self.at or self.tape.now()
