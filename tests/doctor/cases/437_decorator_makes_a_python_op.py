"""A decorator hides that the function runs in NumPy."""

import numpy as np
import tensorflow as tf

CAUSE = "py-function"
EXPECT = {"w": "none"}
CUT = "return tf.numpy_function(plain, given, tf.float32)"


def in_numpy(plain):
    def wrapped(*given):
        return tf.numpy_function(plain, given, tf.float32)

    return wrapped


@in_numpy
def centred(values):
    return (values - np.mean(values)).astype(np.float32)


def run():
    w, x = tf.Variable([0.5, 2.0]), tf.constant([1.0, 3.0])

    def loss_fn():
        return tf.reduce_sum(centred(w * x) ** 2)

    return loss_fn, {"w": w}
