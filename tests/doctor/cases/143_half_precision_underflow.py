"""float16: the gradient of a far-away Gaussian is too small for the dtype."""

import tensorflow as tf

CAUSE = "zero-underflow"
EXPECT = {"mu": "zero"}
CUT = "density = tf.exp(-((x - mu) ** 2) * half)"
CUT_ALSO = ("return tf.reduce_sum(density) * tf.constant(1e-3, tf.float16)",)


def run():
    mu = tf.Variable(tf.constant([0.5, 1.0], tf.float16))
    x, half = tf.constant([5.5, 6.5], tf.float16), tf.constant(0.5, tf.float16)

    def loss_fn():
        density = tf.exp(-((x - mu) ** 2) * half)
        return tf.reduce_sum(density) * tf.constant(1e-3, tf.float16)

    return loss_fn, {"mu": mu}
