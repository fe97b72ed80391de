"""What is kept of a tape that is opened while TensorFlow traces a graph, and of each call on it.

Nothing has a value then. A place in time is a number of operations that the graph has. With a call go the tf.function,
or Keras' `fit`, around it and what it was given: with that the same code can run once more in eager mode.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tensorflow as tf

from gradlab.doctor.recording.frames import Place, code_of, is_user_file, places, stack
from gradlab.doctor.recording.sources import Eager


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
    """A `train_step` of the user's that Keras' `fit` is tracing, with what `fit` was given."""

    model: Any
    x: Any
    y: Any
    sample_weight: Any
    size: int  # samples in a batch
    like: list[Any]  # the tensors of the traced graph that stand for a batch

    def run(self) -> None:
        """Run the step in eager mode on the first batch. The model's attributes are put back; its variables are not."""
        parts = [part for part in (self.x, self.y, self.sample_weight) if part is not None]
        flat = [a[: self.size] for a in tf.nest.flatten(parts)]
        if len(flat) != len(self.like):
            raise ValueError(f"fit was given {len(flat)} arrays, and the step takes {len(self.like)} tensors")
        flat = [_as(a, t) for a, t in zip(flat, self.like, strict=True)]
        data = tuple(tf.nest.pack_sequence_as(parts, flat))
        before = dict(vars(self.model))
        try:
            self.model.train_step(data)
        finally:
            vars(self.model).clear()
            vars(self.model).update(before)


def _as(array: Any, like: Any) -> Any:
    """An array as a tensor of the type and rank that the graph has for it."""
    value = tf.cast(tf.convert_to_tensor(array), like.dtype)
    return value[..., None] if like.shape.rank == value.shape.rank + 1 else value


def fitting() -> Fitted | None:
    """The step that `fit` is tracing, None if there is none, or if `fit` was not given arrays: to take a batch from a
    dataset or a generator may change it."""
    frame: Any = sys._getframe()
    step = None
    while frame is not None:
        code, local = frame.f_code, frame.f_locals
        if code.co_name == "train_step" and is_user_file(code.co_filename) and code.co_argcount == 2:
            step = step or frame
        if step is not None and code.co_name == "fit" and "keras" in frame.f_globals.get("__name__", ""):
            own, data = (step.f_locals.get(name) for name in step.f_code.co_varnames[:2])
            given = [local.get(name) for name in ("x", "y", "sample_weight")]
            like = [t for t in tf.nest.flatten(data) if t is not None]
            arrays = all(
                isinstance(a, (np.ndarray, Eager)) for a in tf.nest.flatten([g for g in given if g is not None])
            )
            if own is not local.get("self") or local.get("class_weight") is not None or not arrays or not like:
                return None
            if not all(isinstance(t, tf.Tensor) for t in like):
                return None
            x, y, sample_weight = given
            return Fitted(own, x, y, sample_weight, local.get("batch_size") or 32, like)  # 32 is Keras' own
        frame = frame.f_back
    return None


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
    contents: dict[int, int] = field(default_factory=dict)  # of a step of fit: checksums of the sources, before it ran
    unread: str = ""  # why there are none

    def __post_init__(self) -> None:
        self.at = self.at or self.tape.now()
