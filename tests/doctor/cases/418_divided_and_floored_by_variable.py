"""A variable is the divisor of // and nothing else."""

import tensorflow as tf

CAUSE = "no-gradient-op"
EXPECT = {"width": "none", "height": "ok"}
CUT = "bin_of = x // width"


def run():
    width, height, x = tf.Variable(1.7), tf.Variable(0.4), tf.constant([0.5, 3.1, 7.7])

    def loss_fn():
        bin_of = x // width
        return tf.reduce_mean(tf.square(height * bin_of - 1.0))

    return loss_fn, {"width": width, "height": height}
