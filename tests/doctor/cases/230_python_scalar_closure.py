"""The learned weight of a penalty was read as a float before the loss function was written."""

import tensorflow as tf

CAUSE = "numpy-conversion"
EXPECT = {"strength": "none", "w": "ok"}
CUT = "lam = float(strength)"
CUT_ALSO = ("return tf.reduce_sum(w**2) * lam",)


def run():
    strength, w = tf.Variable(0.4), tf.Variable([1.0, 2.0])
    lam = float(strength)

    def loss_fn():
        return tf.reduce_sum(w**2) * lam

    return loss_fn, {"strength": strength, "w": w}
