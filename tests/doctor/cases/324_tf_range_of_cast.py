"""A learned length inside a tf.function: tf.range over a cast."""

import tensorflow as tf

CAUSE = "loop-condition"
EXPECT = {"length": "none", "w": "ok"}
CUT = "for _ in tf.range(tf.cast(length, tf.int32)):"


def run():
    length, w = tf.Variable(3.4), tf.Variable(1.2)

    @tf.function
    def grow():
        h = tf.constant(1.0)
        for _ in tf.range(tf.cast(length, tf.int32)):
            h = h * w
        return h

    def loss_fn():
        return grow()

    return loss_fn, {"length": length, "w": w}
