"""A recurrent tanh far in saturation: the gradient is exactly zero."""

import tensorflow as tf

CAUSE = "zero-saturated"
EXPECT = {"U": "zero"}
CUT = "h = tf.tanh(h @ U)"


def run():
    U = tf.Variable([[60.0, 10.0], [5.0, 70.0]])

    def loss_fn():
        h = tf.ones((1, 2))
        for _ in range(3):
            h = tf.tanh(h @ U)
        return tf.reduce_sum(h)

    return loss_fn, {"U": U}
