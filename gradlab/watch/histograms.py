"""The histogram of one gradient, made in the graph of the step: the whole gradient is not kept."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

BUCKETS = 30  # as many as tf.summary.histogram makes by default
WIDTH = BUCKETS + 2  # numbers of one histogram: the least, the largest, and the counts


def histogram(gradient: Any, scale: Any) -> Any:
    """[least, largest, counts of 30 equal buckets between them], float32 of shape (32,); entries that are not finite are
    left out. `scale`: what the gradient is multiplied by, or None. IndexedSlices are made dense: an entry for each weight.
    """
    # In float64: XLA then keeps the gradient itself in the loops in which the optimizer uses it (see `Recorder._numbers`).
    values = tf.reshape(tf.cast(tf.convert_to_tensor(gradient), tf.float64), [-1])
    values = values if scale is None else values / tf.cast(scale, tf.float64)
    fine = tf.math.is_finite(values)
    least = tf.reduce_min(tf.where(fine, values, np.inf))
    most = tf.reduce_max(tf.where(fine, values, -np.inf))
    span = tf.where(most > least, most - least, 1.0)
    place = tf.where(fine, (values - least) / span * BUCKETS, 0.0)
    bucket = tf.clip_by_value(tf.cast(place, tf.int32), 0, BUCKETS - 1)
    counts = tf.math.unsorted_segment_sum(tf.cast(fine, tf.float32), bucket, BUCKETS)
    return tf.concat([tf.cast([least, most], tf.float32), counts], 0)


def buckets(numbers: np.ndarray) -> np.ndarray | None:
    """(30, 3) float64: left edge, right edge and count of each bucket, as TensorBoard has it; None without any entry."""
    least, most, counts = float(numbers[0]), float(numbers[1]), numbers[2:].astype(float)
    if counts.sum() == 0:
        return None
    if least == most:  # TensorBoard's own form for a single value
        return np.array([[least - 0.5, most + 0.5, counts.sum()]])
    edges = np.linspace(least, most, BUCKETS + 1)
    return np.stack([edges[:-1], edges[1:], counts], 1)
