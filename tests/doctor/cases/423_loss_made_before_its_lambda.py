"""The lambda hands out a loss that was computed once, above it."""

import tensorflow as tf

CAUSE = "before-tape"
EXPECT = {"w": "none"}
CUT = "penalty = tf.reduce_sum(tf.square(scores))"
CUT_ALSO = ("scores = w * 2.0",)


def run():
    w = tf.Variable([1.0, -2.0])
    scores = w * 2.0
    penalty = tf.reduce_sum(tf.square(scores))
    return (lambda: penalty), {"w": w}
