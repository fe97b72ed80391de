"""Standard deviation of equal activations: sqrt at 0."""

import tensorflow as tf

CAUSE = "nan-sqrt-norm"
EXPECT = {"w": "not finite"}
CUT = "spread = tf.math.reduce_std(w * tf.ones(4))"


def run():
    w = tf.Variable(1.5)

    def loss_fn():
        spread = tf.math.reduce_std(w * tf.ones(4))
        return (spread - 1.0) ** 2

    return loss_fn, {"w": w}
