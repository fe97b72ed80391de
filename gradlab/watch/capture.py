"""A copy of one batch and of the weights from before one step: what a question to the doctor needs.

The first step leaves its batch; the first bad step replaces it and leaves weights and states too. Nothing is copied at
any other step: the values from before a step are held as tensors, which share memory with the variables until the
optimizer writes.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from gradlab.runtime.outside import outside
from gradlab.watch import variables


class Capture:
    """The copy of one replica. `begin` and `end` are called while the step is traced."""

    def __init__(self) -> None:
        self.structure: Any = None
        self.batch: list[Any] = []
        self.state: dict[Any, tuple[Any, Any]] = {}  # key -> (the model's variable, its copy)
        self.taken = outside(lambda: tf.Variable(0, dtype=tf.int64, trainable=False))
        self.held: list[tuple[Any, Any]] = []
        self.exact = True  # false: the batch is not to be had (XLA under a strategy)

    def begin(self, model: Any, data: Any) -> None:
        """Before the step: hold on to the batch and to what every variable is now."""
        leaves = tf.nest.flatten(data, expand_composites=True)
        self.places = [n for n, leaf in enumerate(leaves) if tf.is_tensor(leaf)]
        self.leaves = [leaves[n] for n in self.places]
        signature = [(t.dtype, t.shape.rank) for t in self.leaves]
        if not self.batch or [(b.dtype, b.shape.rank) for b in self.batch] != signature:
            self.batch = outside(lambda: [_empty(dtype, rank) for dtype, rank in signature])
        self.structure = (data, [leaf if n not in self.places else None for n, leaf in enumerate(leaves)])
        self.held = []
        for variable in model.variables:
            inner = variables.raw(variable)
            if hasattr(inner, "read_value") and getattr(inner, "dtype", None) not in (tf.resource, tf.string):
                self.held.append((variable, inner.read_value()))

    def values(self) -> dict[Any, Any]:
        """What is held of each variable: its key -> its value from before the step."""
        return {variables.key(v): value for v, value in self.held}

    def end(self, count: Any, bad: Any) -> None:
        """After the step: keep what was held if this was the first step, or the first bad one."""
        new = [(variables.key(v), v, value) for v, value in self.held if variables.key(v) not in self.state]
        if new:
            copies = outside(
                lambda: [tf.Variable(tf.zeros(_whole(t.shape), t.dtype), trainable=False) for _, _, t in new]
            )
            self.state.update({k: (v, copy) for (k, v, _), copy in zip(new, copies, strict=True)})
        self_state = [(self.state[variables.key(v)][1], value) for v, value in self.held]

        def keep_batch() -> Any:
            for copy, leaf in zip(self.batch, self.leaves, strict=True):
                copy.assign(leaf)
            return tf.constant(0)

        def keep_all() -> Any:
            for copy, value in self_state:
                copy.assign(value)
            self.taken.assign(count.read_value())
            return keep_batch()

        first_bad = tf.equal(bad, count)
        due = tf.logical_or(first_bad, tf.equal(count, 1))
        tf.cond(due, lambda: tf.cond(first_bad, keep_all, keep_batch), lambda: tf.constant(0))

    def data(self) -> Any:
        """The batch as train_step got it, of NumPy-backed eager tensors; None if no step has run."""
        if self.structure is None:
            return None
        data, leaves = self.structure
        leaves = list(leaves)
        for place, copy in zip(self.places, self.batch, strict=True):
            leaves[place] = copy.read_value()
        return tf.nest.pack_sequence_as(data, leaves, expand_composites=True)


def _empty(dtype: Any, rank: int | None) -> Any:
    """A variable for a tensor of that rank and any shape."""
    value = tf.fill([0] * (rank or 0), "") if dtype == tf.string else tf.zeros([0] * (rank or 0), dtype)
    shape = tf.TensorShape(None) if rank is None else tf.TensorShape([None] * rank)
    return tf.Variable(value, shape=shape, trainable=False)


def _whole(shape: Any) -> list[int]:
    return [d or 0 for d in shape.as_list()]
