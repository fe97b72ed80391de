"""A memory bank updated with scatter_nd_update, then read."""

import tensorflow as tf

CAUSE = "state-assign"
EXPECT = {"writer": "none", "reader": "ok"}
CUT = "bank.scatter_nd_update([[1]], tf.tanh(x @ writer))"


def run():
    writer, reader = tf.Variable([[0.3, 0.4], [1.0, -0.2]]), tf.Variable([[0.7], [0.1]])
    bank, x = tf.Variable(tf.ones((3, 2)), trainable=False), tf.constant([[0.5, 1.5]])

    def loss_fn():
        bank.scatter_nd_update([[1]], tf.tanh(x @ writer))
        return tf.reduce_sum((bank @ reader) ** 2)

    return loss_fn, {"writer": writer, "reader": reader}
