"""A step counter made with tf.Variable(4) is asked for."""

import tensorflow as tf

CAUSE = "integer-source"
EXPECT = {"k": "none", "w": "ok"}
CUT = "k = tf.Variable(4)"
CUT_ALSO = ("return w ** 2 * tf.cast(k, tf.float32)",)


def run():
    w = tf.Variable(1.5)
    k = tf.Variable(4)

    def loss_fn():
        return w**2 * tf.cast(k, tf.float32)

    return loss_fn, {"k": k, "w": w}
