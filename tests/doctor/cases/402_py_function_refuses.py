"""Going back through a py_function that computes in NumPy raises an error about shapes."""

import numpy as np
import tensorflow as tf

CAUSE = "py-function"
EXPECT = {"w": "raises"}
CUT = "gate = tf.py_function(normalised, [tf.linalg.matvec(x, w)], tf.float32)"


def normalised(t):
    a = np.exp(t.numpy())
    return (a / a.sum(axis=1, keepdims=True)).astype(np.float32)


def run():
    w, x = tf.Variable([0.4, 1.2]), tf.random.Generator.from_seed(1).normal((2, 3, 2))

    def loss_fn():
        gate = tf.py_function(normalised, [tf.linalg.matvec(x, w)], tf.float32)
        return tf.reduce_sum(tf.einsum("bt,btd->bd", gate, x) ** 2)

    return loss_fn, {"w": w}
