"""The norms of gradients, inside the graph of the training step.

- `norms`: Euclidean norms of several tensors, as one vector.
- `quick_total`: one number that is finite where all gradients are, at one op a gradient.

A step has dozens of variables, and each op costs some microseconds however small the tensor is. So a norm is one op a
tensor, in float32, and what follows is done on the vector of all of them. Where float32 is not enough, which is seen from
the result, all are taken again in float64.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from gradlab.watch.columns import NONE

# Between these a norm in float32 is right to its rounding. Above, squares near float32's largest number, 3e38, overflow.
# Below, entries a ten-millionth of the norm have squares under its smallest, 1e-38, and vanish from the sum.
LEAST, MOST = 1e-12, 1e18


def norms(tensors: Sequence[Any], xla: bool = False) -> Any:
    """The Euclidean norm of each tensor or `tf.IndexedSlices`: float32 of shape (tensors,).

    Rows of IndexedSlices that name the same index are added first, as the optimizer adds them. `xla`: the step is
    compiled by XLA, which has no `tf.unique`; then the slices are made dense.
    """
    if not tensors:
        return tf.zeros([0])
    whole = [_whole(t, xla) for t in tensors]
    quick = tf.sqrt(2.0 * tf.stack([tf.nn.l2_loss(_float32(t)) for t in whole]))

    def exact() -> Any:
        halves = tf.stack([tf.nn.l2_loss(tf.cast(t, tf.float64)) for t in whole])
        return tf.cast(tf.sqrt(2.0 * halves), tf.float32)

    doubtful = tf.reduce_any(tf.logical_not(tf.logical_and(quick > LEAST, quick < MOST)))
    return tf.cond(doubtful, exact, lambda: quick)


def spread(sizes: Any, gradients: Sequence[Any]) -> Any:
    """`sizes` has a number for each gradient that is not None; here the None get theirs too, `NONE`."""
    if all(g is not None for g in gradients):
        return sizes
    place, nothing = iter(range(len(gradients))), sum(g is not None for g in gradients)
    order = np.array([nothing if g is None else next(place) for g in gradients], np.int32)
    return tf.gather(tf.concat([sizes, [NONE]], 0), order)


def quick_total(gradients: Sequence[Any]) -> Any:
    """Half the sum of squares in float32: a scalar that is not finite where a gradient is not.

    It is also infinite for finite gradients above 1e19, so it says "look closer", never "bad".
    """
    values = [g.values if isinstance(g, tf.IndexedSlices) else g for g in gradients]
    return tf.add_n([tf.nn.l2_loss(_float32(v)) for v in values])


def _float32(tensor: Any) -> Any:
    return tensor if tensor.dtype == tf.float32 else tf.cast(tensor, tf.float32)


def _whole(tensor: Any, xla: bool) -> Any:
    if isinstance(tensor, tf.IndexedSlices):
        return tf.convert_to_tensor(tensor) if xla else _distinct_rows(tensor)
    return tensor


def _distinct_rows(slices: Any) -> Any:
    distinct, place = tf.unique(slices.indices)
    return tf.math.unsorted_segment_sum(slices.values, place, tf.size(distinct))
