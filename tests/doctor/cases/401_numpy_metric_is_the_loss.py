"""The loss is what a NumPy helper returns, made a tensor again without any op."""

import keras
import numpy as np
import tensorflow as tf

CAUSE = "numpy-conversion"
EXPECT = {"kernel": "none"}
CUT = "return np.abs(np.asarray(a) - np.asarray(b)).mean()"


def mae(a, b):
    return np.abs(np.asarray(a) - np.asarray(b)).mean()


def run():
    keras.utils.set_random_seed(0)
    dense, x, y = keras.layers.Dense(1), tf.random.normal((4, 3)), tf.ones((4, 1))
    dense(x)

    def loss_fn():
        out = dense(x)
        error = mae(y, out)
        return tf.convert_to_tensor(error)

    return loss_fn, {"kernel": dense.kernel.value}
