"""Python while on a tensor: the temperature only decides when to stop."""

import tensorflow as tf

CAUSE = "loop-condition"
EXPECT = {"temp": "none", "w": "ok"}
CUT = "while tf.reduce_max(h) < temp * 2.0:"


def run():
    temp, w = tf.Variable(1.5), tf.Variable([1.1, 1.3])

    def loss_fn():
        h = tf.ones(2)
        while tf.reduce_max(h) < temp * 2.0:
            h = h * w
        return tf.reduce_sum(h)

    return loss_fn, {"temp": temp, "w": w}
