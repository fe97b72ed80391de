"""The calls of a compiled training step, followed from outside.

A tape in a tf.function is seen once, when the graph is made; the steps after that run without Python. The graph is not
touched (an op more would change what random ops draw, and what is fused). So a step is seen by what goes in and comes out:

- what the function returned: a loss or a gradient that has become NaN, infinite or zero shows the step exactly;
- the variables that the graph uses, copied every `EVERY` calls: a weight that is not finite shows that one of the calls
  since the last copy made it so. A copy shares the variable's buffer until the next update writes a new one.

With the copy and the arguments since then, the calls up to the first bad one can be repeated when a report is asked
(`frontends/compiled_step.py`). What shows in neither place is not seen: a gradient that is zero in a step that returns
only a loss, say.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import tensorflow as tf

from gradlab.doctor.recording import tf_internals
from gradlab.doctor.recording.recorded_run import in_memory, kind_of
from gradlab.doctor.recording.sources import unwrap
from gradlab.doctor.recording.steps import Frame, plain_values
from gradlab.doctor.recording.tf_internals import EagerTensor
from gradlab.runtime.exceptions import sentence

# Calls between two copies of the variables. One copy costs some microseconds for each variable, and one more write of
# each at the next update; a sixteenth of that is below one percent of a step. A report repeats at most so many calls.
EVERY = 16
# Bytes of arguments that are kept at most; then the next copy comes earlier.
ARGUMENTS = 64 * 2**20
# Numbers of a result that are looked at: losses, metrics and gradients of layers; not a batch of pictures.
LOOKED_AT = 1_000_000

State = list[tuple[Any, Any]]  # (handle, value) of each variable


@dataclass
class Taken:
    """One call: what it was given and what it returned (None: not known)."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    result: Any = None
    known: bool = False


@dataclass
class Suspect:
    """Calls of which one was the first bad one: the last, unless the variables went bad before."""

    state: State  # the variables before the first of the calls
    first: int  # the number of that call
    calls: list[Taken]
    exact: bool  # the last call's own result is bad
    kinds: tuple[str, ...] = ()
    frames: list[Frame] = field(default_factory=list)  # as in steps.Since


@dataclass
class CompiledSteps:
    """What is kept of one tf.function."""

    touch: Callable[[Any], None]  # tells that a remembered call has happened again
    found: Any  # the newest remembered call, made by a trace
    graph: Any
    given: list[Any] = field(default_factory=list)  # handles of variables among the arguments, which the graph lacks
    count: int = 1
    state: State = field(default_factory=list)
    number: int = 1  # of the first call after the copy
    calls: list[Taken] = field(default_factory=list)
    start: tuple[State, Taken] | None = None  # the first call, until there are two results to compare
    kinds: tuple[str, ...] = ()
    suspect: Suspect | None = None
    stopped: str = ""  # why the calls are not followed any more
    busy: bool = False
    lock: Any = field(default_factory=threading.Lock)

    def run(self, plain: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """One call of the function."""
        if not self.lock.acquire(blocking=False):
            self.stopped, self.calls, self.state = "it was called by several threads at once", [], []
            return plain(*args, **kwargs)
        try:
            if not self.stopped and (len(self.calls) >= EVERY or self.count == 1 or self._full()):
                self.copy()
            taken = Taken(args, kwargs)
            result = plain(*args, **kwargs)
            self.count += 1
            if not self.stopped:
                taken.result, taken.known = result, True
                self.calls.append(taken)
                self._look(result)
            self.touch(self.found)
            return result
        finally:
            self.lock.release()

    def _full(self) -> bool:
        last = self.calls[-1] if self.calls else None
        if last is None:
            return False
        size = sum(_bytes(t) for t in tf.nest.flatten((last.args, last.kwargs)))
        return size * (len(self.calls) + 1) > ARGUMENTS

    def copy(self) -> None:
        """Copy the variables, and see whether one is not finite that was."""
        new = state_of(self.graph, self.given)
        before = {tf_internals.key(handle) for handle, value in self.state if not finite(value)}
        bad = [handle for handle, value in new if tf_internals.key(handle) not in before and not finite(value)]
        if bad and self.suspect is None:
            self.suspect = Suspect(self.state, self.number, self.calls, exact=False)
        elif self.suspect is not None and not self.suspect.exact and all(finite(value) for _, value in new):
            self.suspect = None
        self.state, self.number, self.calls = new, self.count + 1, []

    def _look(self, result: Any) -> None:
        kinds = tuple(map(_kind, tf.nest.flatten(result, expand_composites=True)))
        before = self.kinds if len(self.kinds) == len(kinds) else ("ok",) * len(kinds)
        self.kinds = kinds
        if self.suspect is None:
            if any(a != b and b != "ok" for a, b in zip(before, kinds, strict=True)):
                self.suspect = Suspect(self.state, self.number, list(self.calls), True, kinds, plain_values())
            elif self.count > 2:
                self.start = None
        elif self.suspect.exact and not any(
            k != "ok" and k == was for k, was in zip(kinds, self.suspect.kinds, strict=False)
        ):
            self.suspect = None


def _kind(value: Any) -> str:
    if not isinstance(value, EagerTensor) or not value.dtype.is_floating or value.shape.num_elements() > LOOKED_AT:
        return "ok"
    kind = kind_of(value)
    return "not finite" if kind in ("nan", "inf") else kind


def _bytes(thing: Any) -> int:
    return int(thing.shape.num_elements() or 0) * int(thing.dtype.size) if isinstance(thing, EagerTensor) else 0


def finite(value: Any) -> bool:
    """Is every number finite? Values that are not in memory, or not float32 or float64, count as finite."""
    return in_memory(value) is None or kind_of(value) not in ("nan", "inf")


def outermost(graph: Any) -> Any:
    """The graph of the tf.function that was called, from one of a loop or a function in it."""
    while hasattr(getattr(graph, "outer_graph", None), "captures"):
        graph = graph.outer_graph
    return graph


def state_of(graph: Any, given: Iterable[Any] = ()) -> State:
    """The values of the variables that a graph of a tf.function uses; `given`: handles of those that it is given."""
    captured = [outer for outer, _ in getattr(outermost(graph), "captures", ()) if isinstance(outer, EagerTensor)]
    handles = list({tf_internals.key(h): h for h in (*captured, *given)}.values())
    with tf.init_scope(), tf_internals.recording_to(None):
        return [(h, tf_internals.read(h)) for h in handles if tf_internals.is_variable(h)]


def _handles_in(arguments: Any) -> list[Any]:
    """The handles of the variables among what a function was given."""
    variables = [v for v in map(unwrap, tf.nest.flatten(arguments)) if isinstance(v, tf.Variable)]
    return [v.handle for v in variables if isinstance(getattr(v, "handle", None), EagerTensor)]


def restore(state: State) -> None:
    """Put the values back."""
    for handle, value in state:
        tf.raw_ops.AssignVariableOp(resource=handle, value=value)


# --- the functions that are followed ----------------------------------------------------------------------------------

# In the function itself: what is kept of it leads back to it (the graph, arguments), and so would keep it alive for ever
# in a dictionary of this module, even one with weak keys.
_STEPS = "_gradlab_steps"


def _call(function: Any, plain: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A call of a followed tf.function; `plain` makes it."""
    steps: CompiledSteps | None = vars(function).get(_STEPS)
    if steps is None or steps.busy or not tf.executing_eagerly():
        return plain(*args, **kwargs)
    return steps.run(plain, args, kwargs)


def follow(
    function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], graph: Any, found: Any, touch: Callable[[Any], None]
) -> CompiledSteps:
    """A tape in this tf.function was asked while its graph was made: follow its calls from here on."""
    steps: CompiledSteps | None = vars(function).get(_STEPS)
    if steps is None:
        steps = CompiledSteps(touch, found, graph)
        setattr(function, _STEPS, steps)
        try:
            steps.given = _handles_in((args, kwargs))
            steps.state, steps.calls = state_of(graph, steps.given), [Taken(args, kwargs)]
            steps.start = steps.state, steps.calls[0]
        except Exception as error:  # private functions may fail in any way; the program goes on, and a report says so
            steps.stopped = f"this TensorFlow's variables could not be read ({sentence(error)})"
        if not tf_internals.calls_through(function, _call):
            steps.stopped, steps.calls = "this TensorFlow makes the calls of its functions in another way", []
    else:  # another graph, for arguments of other shapes
        steps.found, steps.graph = found, graph
    return steps
