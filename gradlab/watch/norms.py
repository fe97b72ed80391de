"""The norms of gradients, inside the graph of the training step.

- `norms`: Euclidean norms of several tensors, as one vector; `quick` and `exact` are its two ways, `doubtful` chooses.
- `quick_total`: one number that is finite where all gradients are, at one op a gradient.

A step has dozens of variables, and each op costs some microseconds however small the tensor is. So a norm is one op a
tensor, in float32, and what follows is done on the vector of all of them. Where float32 is not enough, which is seen from
the result, all are taken again in float64. XLA joins ops into loops of its own, where an op costs nothing, and a sum in
float32 is joined with the optimizer's, which may change a weight's last bit: there all is float64 at once.
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
    whole = [_whole(t, xla) for t in tensors]
    if xla:
        return exact(whole)
    found = quick(whole)
    return tf.cond(doubtful(found), lambda: exact(whole), lambda: found)


def quick(tensors: Sequence[Any]) -> Any:
    """The same in float32; only where `doubtful` is false are these the norms."""
    if not tensors:
        return tf.zeros([0])
    return tf.sqrt(2.0 * tf.stack([tf.nn.l2_loss(_float32(_whole(t, False))) for t in tensors]))


def exact(tensors: Sequence[Any]) -> Any:
    """The same in float64, rounded to float32 at the end."""
    if not tensors:
        return tf.zeros([0])
    halves = tf.stack([tf.nn.l2_loss(tf.cast(_whole(t, False), tf.float64)) for t in tensors])
    return tf.cast(tf.sqrt(2.0 * halves), tf.float32)


def doubtful(found: Any) -> Any:
    """Whether one of these norms of `quick` is zero, not finite, or may be wrong by more than its rounding."""
    return tf.reduce_any(tf.logical_not(tf.logical_and(found > LEAST, found < MOST)))


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
