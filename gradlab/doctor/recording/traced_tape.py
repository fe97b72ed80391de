"""What is kept of a tape that is opened while TensorFlow traces a graph, and of each call on it.

Nothing has a value then. A place in time is a number of operations that the graph has. With a call go the tf.function,
or Keras' `fit` (`fitted.py`), around it and what it was given: with that the same code can run once more in eager mode.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import tensorflow as tf

from gradlab.doctor.recording.fitted import Fitted
from gradlab.doctor.recording.frames import Place, code_of, is_user_file, places, stack
from gradlab.doctor.recording.replicas import frames_outwards
from gradlab.doctor.recording.tape_calls import leaves


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
    kind, found = type(tf.function(lambda: None)), None
    for frame in frames_outwards():
        function = frame.f_locals.get("self") if frame.f_code.co_name == "__call__" else None
        if isinstance(function, kind):
            code = code_of(function)
            theirs = code is not None and is_user_file(code.co_filename)
            found = (function, frame.f_locals.get("args", ()), frame.f_locals.get("kwds", {})) if theirs else None
    return found


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
    # What the graph holds of outside, and as what. A variable that the tf.function was given as an argument is taken out
    # of the graph's own list when the trace ends.
    captures: list[tuple[Any, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.at = self.at or self.tape.now()
        self.captures = list(getattr(self.tape.graph, "captures", ()))

    @property
    def own_sources(self) -> list[Any]:
        """The sources, of a variable that is spread over replicas the one of this replica."""
        return [self.own.get(id(source), source) for source in leaves(self.sources)]
