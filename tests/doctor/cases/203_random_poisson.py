"""Poisson counts drawn from a learned rate: TensorFlow refuses with a LookupError or gives None."""

import tensorflow as tf

CAUSE = "random-sampling"
EXPECT = {"rate": "raises"}
CUT = "counts = tf.random.poisson([], tf.exp(rate), seed=1)"


def run():
    rate = tf.Variable([0.5, 1.0])

    def loss_fn():
        counts = tf.random.poisson([], tf.exp(rate), seed=1)
        return tf.reduce_mean((counts - 2.0) ** 2)

    return loss_fn, {"rate": rate}
