"""A comprehension hands every pair to a helper that counts in NumPy."""

import numpy as np
import tensorflow as tf

CAUSE = "py-function"
EXPECT = {"w": "none"}
CUT = "return tf.numpy_function(overlap, [left, right], tf.float32)"


def overlap(left, right):
    return np.float32(np.minimum(left, right).sum())


def similar(left, right):
    return tf.numpy_function(overlap, [left, right], tf.float32)


def run():
    w, targets = tf.Variable([[0.2, 0.9], [0.4, 0.1]]), tf.constant([[0.5, 0.5], [0.1, 0.8]])

    def loss_fn():
        made = tf.nn.softmax(w)
        return -tf.add_n([similar(m, t) for m, t in zip(tf.unstack(made), tf.unstack(targets), strict=True)])

    return loss_fn, {"w": w}
