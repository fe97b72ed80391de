"""One recorded run: every op with its learner lines, and the gradient of the loss with respect to every value on the
way."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import tensorflow as tf

from gradlab.doctor.op_types import is_write
from gradlab.doctor.recording import hooks, tf_internals
from gradlab.doctor.recording.backends import available
from gradlab.doctor.recording.rebuild import Rebuilt
from gradlab.doctor.recording.record import MAX_OPS, Record
from gradlab.doctor.recording.snapshot import live_variables
from gradlab.doctor.recording.sources import COMPOSITES, FLOATS, Eager, Source, unwrap
from gradlab.doctor.recording.trace import Trace, since


def values_of(gradient: Any) -> Any:
    """The numbers of a gradient: the values of a composite one (IndexedSlices, for one), the tensor itself otherwise."""
    return unwrap(gradient) if isinstance(gradient, COMPOSITES) else gradient


# Data types whose values NumPy sees without a copy and multiplies at full speed; TensorFlow looks at the others.
_FAST = frozenset({tf.float32, tf.float64})


def in_memory(tensor: Any) -> Any:
    """The values as an array, without a copy and unseen by the hooks; None if they are elsewhere or of another type."""
    if type(tensor) is not Eager or tensor.dtype not in _FAST or "CPU" not in tensor.device:
        return None
    return np.asarray(tensor).reshape(-1)


def kind_of(gradient: Any) -> str:
    """none, nan, inf, zero or ok. A few microseconds for values in memory.

    Rows of IndexedSlices are looked at as they are: this runs at every step, and adding them up costs more than the rest
    (see `added_up`).
    """
    if gradient is None:
        return "none"
    values = values_of(gradient)
    flat = in_memory(values)
    if flat is not None:
        return _kind_in_memory(flat)
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


def _kind_in_memory(flat: Any) -> str:
    with np.errstate(all="ignore"):
        total = float(np.dot(flat, flat))
    if 0.0 < total < np.inf:
        return "ok"
    if total == 0.0:  # in float32 the square of a number below 1e-23 is zero
        return "ok" if flat.any() else "zero"
    if np.isfinite(flat).all():  # only the squares are too large
        return "ok"
    return "nan" if np.isnan(flat).any() else "inf"


def added_up(gradient: Any) -> Any:
    """The gradient, of IndexedSlices with the rows of the same index added up, as an optimizer does: the rows that a
    dense gradient has, each once."""
    if not isinstance(gradient, tf.IndexedSlices) or not isinstance(gradient.values, Eager):
        return gradient
    with tf_internals.recording_to(None):
        distinct, place = tf.unique(gradient.indices)
        if int(tf.size(distinct)) == int(tf.size(gradient.indices)):
            return gradient
        rows = tf.math.unsorted_segment_sum(gradient.values, place, tf.size(distinct))
        return tf.IndexedSlices(rows, distinct, gradient.dense_shape)


def norm_of(gradient: Any) -> float:
    """The Euclidean norm of a gradient that is there: that of the dense one."""
    values = values_of(added_up(gradient))
    flat = in_memory(values)
    if flat is not None:
        return float(np.linalg.norm(flat.astype(np.float64)))
    return float(tf.norm(tf.cast(tf.abs(values), tf.float64)))


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
        self.turns: dict[int, int] = {}  # of a loop's body: an output -> the input that it is in the next turn
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

    def enters(self, op: Any, k: int) -> bool:
        """Does an op run other graphs, with floats in the list that `k` is? (Eager ops run no other graphs.)"""
        return False

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
        return norm_of(gradient)

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

    def variables(self) -> list[Any]:
        """The trainable variables that the run read, in the order of their first use."""
        used = dict.fromkeys(
            k for op in self.trace.ops for k in op.ins if self.is_resource(k) and not is_write(op.type)
        )
        found = {self.key(v): v for v in live_variables() if v.trainable}
        return [found[k] for k in used if k in found]


def run_recorded(
    function: Callable[[], Any],
    sources: list[Source],
    *,
    eager_functions: bool = True,
    only: set[int] | None = None,
    progress: Callable[[int], None] | None = None,
) -> tuple[Trace, Any]:
    """Run `function` and record it. The trace's tape watches every value (or, with `only`, the outputs of these ops).

    Returns the trace and what the function returned; the function's exception passes through with the trace as its
    attribute `gradlab_trace`.
    """
    if not available():
        return Trace(), function()
    record = Record("explain", limit=MAX_OPS, eager=(lambda function: True) if eager_functions else None)
    if progress is not None:
        record.on_op = lambda count: progress(count) if count % 500 == 0 else None
    hooks.acquire()
    try:
        with tf_internals.recording_to(record):
            result = function()
    except BaseException as error:
        error.gradlab_trace = record.trace()  # type: ignore[attr-defined]
        raise
    finally:
        record.spots.release()
        hooks.release()
    trace = record.trace()
    return (trace if only is None else watching(trace, only, sources)), result


def watching(trace: Trace, only: set[int], sources: list[Source]) -> Trace:
    """The same trace with a tape that watches the outputs of these ops and the sources, and nothing else."""
    other = copy.copy(trace)
    if trace.rebuilt is not None:
        other.rebuilt = Rebuilt(trace.rebuilt.steps, only, tuple(s.value for s in sources if s.dtype in FLOATS))
    return other
