"""The variables of a clone are asked for."""

import tensorflow as tf

CAUSE = "wrong-source"
EXPECT = {"copy": "none", "own": "ok"}
CUT = "twin = tf.Variable(w)"


def run():
    w = tf.Variable([[0.3, -0.2], [0.8, 0.5]])
    twin = tf.Variable(w)
    x = tf.constant([[1.0, 2.0]])

    def loss_fn():
        return tf.reduce_sum(tf.tanh(x @ w))

    return loss_fn, {"copy": twin, "own": w}
