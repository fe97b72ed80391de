"""The mean of centred values is zero whatever the weights are."""

import tensorflow as tf

CAUSE = "zero-cancel"
EXPECT = {"w": "zero"}
CUT = "centred = h - tf.reduce_mean(h)"
CUT_ALSO = ("return tf.reduce_sum(centred)",)


def run():
    w = tf.Variable([1.0, 2.0, 3.0, 4.0])

    def loss_fn():
        h = w * 2.0
        centred = h - tf.reduce_mean(h)
        return tf.reduce_sum(centred)

    return loss_fn, {"w": w}
