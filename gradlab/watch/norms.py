"""The norm of one gradient, inside the graph of the training step.

- `norm`: Euclidean norm in float64, so that float32 squares neither overflow above 1e19 nor vanish below 1e-23.
- `quick_total`: one number that is finite where all gradients are, at one op a gradient.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf


def norm(gradient: Any, xla: bool = False) -> Any:
    """The Euclidean norm of a tensor or of `tf.IndexedSlices`, a float32 scalar.

    Rows of IndexedSlices that name the same index are added first, as the optimizer adds them. `xla`: the step is
    compiled by XLA, which has no `tf.unique`; then the slices are made dense.
    """
    if isinstance(gradient, tf.IndexedSlices):
        gradient = tf.convert_to_tensor(gradient) if xla else _distinct_rows(gradient)
    return tf.cast(tf.sqrt(2.0 * tf.nn.l2_loss(tf.cast(gradient, tf.float64))), tf.float32)


def quick_total(gradients: Sequence[Any]) -> Any:
    """Half the sum of squares in float32: a scalar that is not finite where a gradient is not.

    It is also infinite for finite gradients above 1e19, so it says "look closer", never "bad".
    """
    values = [g.values if isinstance(g, tf.IndexedSlices) else g for g in gradients]
    return tf.add_n([tf.nn.l2_loss(tf.cast(v, tf.float32)) for v in values])


def _distinct_rows(slices: Any) -> Any:
    distinct, place = tf.unique(slices.indices)
    return tf.math.unsorted_segment_sum(slices.values, place, tf.size(distinct))
