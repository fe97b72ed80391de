"""One recorded run: every op with its learner lines, and the gradient of the loss with respect to every value on the
way."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import tensorflow as tf

from gradlab.doctor.analysis import dataflow
from gradlab.doctor.recording import hooks
from gradlab.doctor.recording.backends import recorder
from gradlab.doctor.recording.frames import stack
from gradlab.doctor.recording.sources import FLOATS, Eager, Source
from gradlab.doctor.recording.trace import Conversion, Op, Trace, since

MAX_OPS = 100_000


class Witness(hooks.Listener):
    """Hears conversions to Python and NumPy, and tf.functions, during a run."""

    def __init__(self, trace: Trace, eager: Callable[[Any], bool] = lambda function: True) -> None:
        self.trace = trace
        self.eager = eager
        self.on_op: Callable[[Op, Any, Any], None] | None = None
        self.tapes: Callable[[], frozenset[int]] = frozenset

    def converted(self, tensor: Any, kind: str) -> None:
        frames, marks = stack(2)
        self.trace.conversions.append(Conversion(recorder().key(tensor), kind, len(self.trace.ops), frames, marks))
        self.trace.tensors.setdefault(recorder().key(tensor), tensor)

    def called(self, function: Any, args: Any, kwargs: Any) -> bool:
        self.trace.functions += 1
        eager = self.eager(function)
        if len(self.trace.calls) < 100:
            self.trace.calls.append((len(self.trace.ops), function, args, kwargs))
        return eager

    def returned(self, function: Any, args: Any, kwargs: Any, result: Any) -> None:
        if recorder().sees_functions:
            return
        inputs = [t for t in tf.nest.flatten((args, kwargs)) if isinstance(t, Eager)]
        inputs += [t for t in function.get_concrete_function(*args, **kwargs).captured_inputs if isinstance(t, Eager)]
        outputs = [t for t in tf.nest.flatten(result) if isinstance(t, Eager)]
        frames, marks = stack(2)
        key = recorder().key
        op = Op(
            len(self.trace.ops), "PartitionedCall", tuple(map(key, inputs)), tuple(map(key, outputs)), frames, marks
        )
        op.tapes = self.tapes()
        self.trace.add(op, inputs, outputs)
        if self.on_op is not None:
            self.on_op(op, inputs, outputs)


def values_of(gradient: Any) -> Any:
    """The numbers of a gradient: the values of IndexedSlices, the tensor itself otherwise."""
    return gradient.values if isinstance(gradient, tf.IndexedSlices) else gradient


def kind_of(gradient: Any) -> str:
    """none, nan, inf, zero or ok."""
    if gradient is None:
        return "none"
    values = values_of(gradient)
    if not isinstance(values, Eager):
        values = tf.convert_to_tensor(values)
    if values.dtype.is_complex:
        values = tf.abs(values)
    if not values.dtype.is_floating:
        return "ok"
    total = float(tf.reduce_sum(tf.abs(tf.cast(values, tf.float64))))
    if math.isnan(total):
        return "nan"
    if math.isinf(total):
        return "inf"
    return "zero" if total == 0.0 else "ok"


class Run:
    """A trace with its targets and gradients; answers what a tensor's gradient is."""

    structural = False  # the gradients come from a graph's structure: there or not, whoever watches what

    def __init__(self, trace: Trace, targets: list[Any], key: Callable[[Any], int]) -> None:
        self.trace, self.targets, self.key = trace, targets, key
        self.target_keys = [key(t) for t in targets]
        self.gradients: dict[int, Any] = {}
        self.asked: set[int] = set()  # keys whose gradient was asked for
        self.error: BaseException | None = None  # why the table of gradients could not be made
        self.reads: dict[int, int] = dict(
            trace.reads
        )  # tensor that was read from a variable unseen -> the variable's handle
        self.upstream: list[Any] | None = None  # gradients that arrive at the float targets (default: ones)
        self._kinds: dict[int, str] = {}

    def part(self, start: int) -> Run:
        """The same run, its trace from op number `start` on."""
        other = copy.copy(self)
        other.trace = since(self.trace, start)
        return other

    def seed(self, source: Source) -> int:
        return self.key(source.value)

    def from_host(self, k: int) -> bool:
        """Did Python hand this value in during the run?"""
        return k not in self.trace.producer and k not in self.reads and k >= self.trace.first_key

    def is_float(self, k: int) -> bool:
        tensor = self.trace.tensors.get(k)
        return tensor is not None and getattr(tensor, "dtype", None) in FLOATS

    def is_resource(self, k: int) -> bool:
        return getattr(self.trace.tensors.get(k), "dtype", None) == tf.resource

    def kind(self, k: int) -> str:
        """The gradient of the loss with respect to a tensor: none, nan, inf, zero or ok."""
        found = self._kinds.get(k)
        if found is None:
            found = self._kinds[k] = (
                "ok" if k in self.target_keys and k not in self.gradients else kind_of(self.gradients.get(k))
            )
        return found

    def live(self, k: int) -> bool:
        return self.gradients.get(k) is not None or k in self.target_keys

    def norm(self, k: int) -> float | None:
        """The Euclidean norm of that gradient, None if there is none."""
        gradient = self.gradients.get(k)
        if gradient is None:
            return 1.0 if k in self.target_keys else None
        return float(tf.norm(tf.cast(tf.abs(values_of(gradient)), tf.float64)))

    def value(self, k: int) -> Any:
        return self.trace.tensors.get(k)

    def differentiate(self, sources: Iterable[Source]) -> None:
        """Fill the table: one call for all tensors (an eager py_function can be differentiated only once)."""
        targets = [t for t in self.targets if t.dtype in FLOATS]
        if not targets:
            return
        seeds = {self.seed(s): s.value for s in sources}
        floats = {
            k: t for k, t in self.trace.tensors.items() if getattr(t, "dtype", None) in FLOATS and isinstance(t, Eager)
        }
        # Asking for constants as well finds values that fast ops read from variables, but a few gradient functions
        # (py_function's, whose shapes are loose) fail then.
        self.error = None
        made = {k: t for k, t in floats.items() if k in self.trace.producer}
        once = any(op.type == "EagerPyFunc" for op in self.trace.ops)
        for chosen in (made,) if once else (floats, made):
            asked = {**chosen, **seeds}
            try:
                found = self.trace.tape.gradient(targets, list(asked.values()), output_gradients=self.upstream)
            except Exception as error:  # an op on the way may refuse in any way; the caller explains it
                self.error = self.error or error
                continue
            self.error = None
            self.asked = set(asked)
            self.gradients = {k: g for k, g in zip(asked, found, strict=True) if g is not None}
            return

    def resolve_reads(self, handles: dict[int, Any]) -> None:
        """Find the tensors that a fast op read from one of these variables without an op of its own."""
        if not handles:
            return
        order = list(handles)
        things = [handles[h] for h in order]
        for k in self.trace.external:
            tensor = self.trace.tensors[k]
            if k in handles or not isinstance(tensor, Eager) or tensor.dtype not in FLOATS or k < self.trace.first_key:
                continue
            for h, g in zip(order, self.trace.tape.gradient(tensor, things), strict=True):
                if g is not None:
                    self.reads[k] = h
            consumer = self.trace.external[k]
            if k not in self.reads and consumer.type in ("StopGradient", "PreventGradient"):
                # These run while the tape looks away, so only the value tells.
                for h, variable in handles.items():
                    if variable.shape == tensor.shape and np.array_equal(variable.read_value(), tensor):
                        self.reads[k] = h

    def between(self, source: Source) -> dataflow.Flow:
        return dataflow.between(self.trace, [self.seed(source)], self.target_keys, self.reads)


def run_recorded(
    function: Callable[[], Any],
    sources: list[Source],
    *,
    eager_functions: bool = True,
    only: set[int] | None = None,
    progress: Callable[[int], None] | None = None,
) -> tuple[Trace, Any]:
    """Run `function` under a recorder and a tape that watches every float it makes (or, with `only`, the outputs of
    these ops).

    Returns the trace and what the function returned; the function's exception passes through with the trace as its
    attribute `gradlab_trace`.
    """
    engine = recorder()
    trace = Trace()
    tape = trace.tape = tf.GradientTape(persistent=True)

    def on_op(op: Op, inputs: Any, outputs: Any) -> None:
        if only is not None and op.index not in only:
            return
        floats = [t for t in outputs if t.dtype in FLOATS]
        if floats:
            tape.watch(floats)
        elif dataflow.is_write(op) and inputs and inputs[0].dtype == tf.resource and op.type != "MakeIterator":
            tape.watch(inputs[0])
        if progress is not None and op.index % 500 == 0:
            progress(op.index)

    try:
        with tape:
            for s in sources:
                if s.dtype in FLOATS:
                    tape.watch(s.value)
            with (
                hooks.hooked(Witness(trace, lambda function: eager_functions)),
                engine.recording(trace, limit=MAX_OPS, on_op=on_op),
            ):
                result = function()
    except BaseException as error:
        error.gradlab_trace = trace  # type: ignore[attr-defined]
        raise
    return trace, result
