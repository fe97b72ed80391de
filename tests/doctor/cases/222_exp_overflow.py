"""exp overflows: infinite loss, infinite gradient."""

import tensorflow as tf

CAUSE = "nan-forward"
EXPECT = {"w": "not finite"}
CUT = "big = tf.exp(w * 100.0)"


def run():
    w = tf.Variable([1.0, 0.1])

    def loss_fn():
        big = tf.exp(w * 100.0)
        return tf.reduce_sum(big)

    return loss_fn, {"w": w}
