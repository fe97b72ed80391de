"""One of two paths runs through numpy_function."""

import numpy as np
import tensorflow as tf

CAUSE = "py-function"
EXPECT = {"w": "wrong"}
CUT = "extra = tf.numpy_function(np.cos, [w], tf.float32)"


def run():
    w = tf.Variable([0.3, 1.1])

    def loss_fn():
        extra = tf.numpy_function(np.cos, [w], tf.float32)
        return tf.reduce_sum(w**2 + extra)

    return loss_fn, {"w": w}
