"""A distance in Python, called on a layer's output, is the whole loss."""

import keras
import numpy as np
import tensorflow as tf

CAUSE = "py-function"
EXPECT = {"kernel": "none"}
CUT = "cost = tf.numpy_function(gap, [a, b], tf.float32)"


def gap(a, b):
    return np.float32(np.max(np.abs(np.sort(a, 0) - np.sort(b, 0))))


def cost_of(a, b):
    cost = tf.numpy_function(gap, [a, b], tf.float32)
    return cost


def run():
    keras.utils.set_random_seed(0)
    dense, x, y = keras.layers.Dense(2), tf.random.normal((4, 3)), tf.ones((4, 2))
    dense(x)

    def loss_fn():
        return cost_of(y, dense(x))

    return loss_fn, {"kernel": dense.kernel.value}
