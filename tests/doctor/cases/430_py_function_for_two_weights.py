"""Two weights go through one Python function whose own gradient fails."""

import numpy as np
import tensorflow as tf

CAUSE = "py-function"
EXPECT = {"a": "raises", "b": "raises"}
CUT = "middle = tf.py_function(median, [values], tf.float32)"
CUT_ALSO = ("return np.median(values.numpy(), axis=0).astype(np.float32)",)


def median(values):
    return np.median(values.numpy(), axis=0).astype(np.float32)


def run():
    a, b = tf.Variable([1.0, 2.0]), tf.Variable([3.0, -1.0])

    def loss_fn():
        values = tf.stack([a, b, a * b])
        middle = tf.py_function(median, [values], tf.float32)
        middle.set_shape([2])
        return tf.reduce_sum(middle**2)

    return loss_fn, {"a": a, "b": b}
