"""A product of probabilities with an op whose registered gradient is wrong where it matters."""

import tensorflow as tf

CAUSE = "wrong-op-gradient"
EXPECT = {"x": "wrong"}
CUT = "y = tf.math.cumprod(x)"


def run():
    x = tf.Variable([2.0, 0.0, 3.0])

    def loss_fn():
        y = tf.math.cumprod(x)
        return tf.reduce_sum(y * [1.0, 1.0, 1.0])

    return loss_fn, {"x": x}
