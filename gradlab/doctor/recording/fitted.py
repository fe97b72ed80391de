"""A step that Keras' `fit` traces, with what `fit` was given: with that it can run once more in eager mode.

Arrays, a dataset and a `PyDataset` (`Sequence`) are read once more, batch by batch. A generator is used up by then: of one
there is the batch that Keras has looked at before the first step. The variables are kept as they were before the first
step (up to `KEPT` bytes), so that a training whose weights have become NaN can be repeated from its start.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tensorflow as tf

from gradlab.doctor.op_types import PYTHON
from gradlab.doctor.recording import tf_internals
from gradlab.doctor.recording.compiled_steps import State
from gradlab.doctor.recording.frames import Stack, as_before, stack_from
from gradlab.doctor.recording.sources import Eager, unwrap

# Bytes of a model that are kept from before `fit`: the weights and the optimizer's slots of twenty million parameters
# under Adam. They share their buffers with the variables until the first update writes new ones.
KEPT = 256 * 2**20
STEPS = frozenset({"train_step", "tf__train_step"})  # as written, and as AutoGraph names it
INDEXED = frozenset({"PyDataset", "Sequence"})  # classes of Keras whose batches are asked for by number


@dataclass
class Fitted:
    """A `train_step`, the user's or Keras' own, that Keras' `fit` is tracing, with what `fit` was given."""

    model: Any
    x: Any
    y: Any
    sample_weight: Any
    class_weight: dict[int, float] | None
    size: int  # samples in a batch
    shuffled: bool  # fit may have given the step the batches in another order
    takes: Any  # what the step takes, as a structure of tensors of the traced graph
    looked_at: list[Any] = field(default_factory=list)  # batches of a generator that Keras has read in advance
    around: Stack = ()  # the user's frames around `fit`
    state: State = field(default_factory=list)  # the model's and the optimizer's variables before the first step

    def batches(self) -> Iterator[Any]:
        """What `fit` was given, batch by batch in its own order, as the step takes it."""
        if isinstance(self.x, tf.data.Dataset) and self.class_weight is None:
            yield from self.x
        elif isinstance(self.x, tf.data.Dataset):
            yield from map(self._as_taken, self.x)
        elif _is_indexed(self.x):
            for number in range(_length(self.x)):
                yield self._as_taken(self.x[number])
        elif self.looked_at:
            yield from map(self._as_taken, self.looked_at)
        else:
            whole = tf.nest.flatten([part for part in (self.x, self.y, self.sample_weight) if part is not None])
            for first in range(0, len(whole[0]), self.size):
                parts = [
                    None if part is None else tf.nest.map_structure(lambda a, n=first: a[n : n + self.size], part)
                    for part in (self.x, self.y, self.sample_weight)
                ]
                yield self._as_taken(tuple(parts))

    def _as_taken(self, batch: Any) -> Any:
        """A batch of x, y and sample weights in the structure and types that the graph has for it."""
        x, y, weight = (*batch, None, None)[:3] if isinstance(batch, (tuple, list)) else (batch, None, None)
        if self.class_weight is not None and weight is None:
            weight = of_classes(y, self.class_weight)
        given = tf.nest.flatten([part for part in (x, y, weight) if part is not None])
        like = tf.nest.flatten(self.takes)
        if len(given) != sum(t is not None for t in like):
            raise ValueError(f"fit was given {len(given)} arrays, and the step takes {len(like)} tensors")
        rest = iter(given)
        return tf.nest.pack_sequence_as(self.takes, [None if t is None else _as(next(rest), t) for t in like])

    @property
    def in_order(self) -> bool:
        """Does reading what `fit` was given once more leave it as it is, and run none of the user's code? Each reading of
        a dataset that shuffles changes the order of the next."""
        if isinstance(self.x, tf.data.Dataset):
            made = tf_internals.made_of(self.x)
            return made is not None and not any("Shuffle" in kind for kind in made[0]) and not made[1] & PYTHON
        return not _is_indexed(self.x)

    @property
    def loss_not_finite(self) -> bool:
        """Has `fit` logged a loss that is NaN or infinite? The weights need not be: an optimizer with a loss scale skips
        such a step."""
        logged = getattr(getattr(self.model, "history", None), "history", None)
        losses = logged.get("loss", ()) if isinstance(logged, dict) else ()
        return not np.all(np.isfinite(np.asarray(losses, dtype=float)))

    @property
    def steps(self) -> int | None:
        """How many steps the optimizer has counted since, if it tells. One with a loss scale does not count what it skips."""
        if hasattr(self.model.optimizer, "inner_optimizer"):
            return None
        handle = getattr(unwrap(getattr(self.model.optimizer, "iterations", None)), "handle", None)
        if not isinstance(handle, Eager):
            return None
        with tf.init_scope(), tf_internals.recording_to(None):
            before = [value for h, value in self.state if h is handle]
            return int(tf_internals.read(handle)) - int(before[0]) if before else None

    def run(self, data: Any) -> None:
        """Run the step in eager mode on a batch. The model's attributes are put back; its variables are not."""
        before = dict(vars(self.model))
        try:
            as_before(lambda: self.model.train_step(data), self.around)
        finally:
            vars(self.model).clear()
            vars(self.model).update(before)


def of_classes(y: Any, class_weight: dict[int, float]) -> Any:
    """The weight of each sample, shape (batch,): that of its class, 1 where it has none. `y` holds numbers of classes, or
    one-hot rows."""
    labels = tf.convert_to_tensor(y)
    if labels.shape.rank > 1 and labels.shape[-1] > 1:
        labels = tf.argmax(labels, -1)
    keys, values = [int(k) for k in class_weight], [float(v) for v in class_weight.values()]
    found = tf.cast(tf.reshape(labels, (-1, 1)), tf.int64) == tf.constant(keys, tf.int64)
    return tf.where(tf.reduce_any(found, 1), tf.reduce_sum(tf.where(found, values, 0.0), 1), 1.0)


def _as(array: Any, like: Any) -> Any:
    """An array as a tensor of the type and rank that the graph has for it."""
    value = tf.cast(tf.convert_to_tensor(array), like.dtype)
    return value[..., None] if like.shape.rank == value.shape.rank + 1 else value


def fitting() -> Fitted | None:
    """The step that `fit` is tracing, None if there is none, or if no batch of what `fit` was given is to be had again.
    None in the thread of a replica: its step has no value outside of the strategy."""
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
            x, y, sample_weight = (local.get(name) for name in ("x", "y", "sample_weight"))
            looked_at = _looked_at(local)
            if own is not local.get("self") or not (looked_at or _can_be_read([x, y, sample_weight])):
                return None
            like = [t for t in tf.nest.flatten(data) if t is not None]
            if not like or not all(isinstance(t, tf.Tensor) for t in like):
                return None
            size = local.get("batch_size") or 32  # Keras' own
            weights, shuffled = local.get("class_weight"), _shuffles(x, local, looked_at)
            around = stack_from(frame)[0]
            return Fitted(own, x, y, sample_weight, weights, size, shuffled, data, looked_at, around, _state(own))
        frame = frame.f_back
    return None


def _is_keras(frame: Any) -> bool:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0] in ("keras", "tf_keras")


def _can_be_read(given: list[Any]) -> bool:
    if isinstance(given[0], tf.data.Dataset):
        return tf_internals.made_of(given[0]) is not None
    if _is_indexed(given[0]):
        return True
    parts = tf.nest.flatten([g for g in given if g is not None])
    return bool(parts) and all(isinstance(a, (np.ndarray, Eager)) for a in parts)


def _is_indexed(x: Any) -> bool:
    return any(kind.__name__ in INDEXED and "keras" in kind.__module__ for kind in type(x).__mro__)


def _length(indexed: Any) -> int:
    """Batches of a PyDataset; of one without an end, as many as anybody may ask for."""
    count = getattr(indexed, "num_batches", None)
    count = count if isinstance(count, int) else len(indexed)
    return int(count)


def _looked_at(local: dict[str, Any]) -> list[Any]:
    """The batches of a generator that Keras has read before the first step, to learn their shapes.

    Keras 3 keeps them in its adapter. Legacy Keras gives the one that it has read back, in `itertools.chain([batch],
    generator)`: that pair is found among what refers to the generator.
    """
    adapter = getattr(local.get("epoch_iterator"), "data_adapter", None)
    kept = list(getattr(adapter, "_first_batches", None) or ())
    given = local.get("x")
    if kept or not hasattr(given, "__next__"):
        return kept
    pairs = (p for p in gc.get_referrers(given) if type(p) is tuple and len(p) == 2 and p[1] is given)
    return next((list(p[0]) for p in pairs if type(p[0]) is list and len(p[0]) == 1), [])


def _shuffles(x: Any, local: dict[str, Any], looked_at: list[Any]) -> bool:
    """Whether `fit` may take the batches in another order than they are read in here."""
    if isinstance(x, tf.data.Dataset):
        made = tf_internals.made_of(x)
        return made is None or any("Shuffle" in kind for kind in made[0])
    return bool(local.get("shuffle", True)) and not looked_at


def _state(model: Any) -> State:
    """The values of a model's variables, of its optimizer's and of its metrics', the loss among them. Each shares its buffer
    until the next update."""
    optimizer = getattr(model, "optimizer", None)
    variables = getattr(optimizer, "variables", None) or ()
    variables = variables() if callable(variables) else variables
    of_metrics = [v for metric in getattr(model, "metrics", ()) for v in metric.variables]
    found: State = []
    seen = set[int]()
    with tf.init_scope(), tf_internals.recording_to(None):
        for variable in map(unwrap, [*model.variables, *variables, *of_metrics]):
            handle = getattr(variable, "handle", None) if isinstance(variable, tf.Variable) else None
            if isinstance(handle, Eager) and id(handle) not in seen and tf_internals.is_variable(handle):
                seen.add(id(handle))
                found.append((handle, tf_internals.read(handle)))
    sizes = (int(value.shape.num_elements() or 0) * int(value.dtype.size) for _, value in found)
    return found if sum(sizes) <= KEPT else []
