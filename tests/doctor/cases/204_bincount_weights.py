"""Weighted bincount of soft assignments: no gradient for DenseBincount's weights."""

import tensorflow as tf

CAUSE = "no-gradient-op"
EXPECT = {"w": "raises"}
CUT = "hist = tf.math.bincount([0, 1, 1, 2], weights=tf.nn.softplus(w), minlength=3)"


def run():
    w = tf.Variable([0.1, 0.2, 0.3, 0.4])

    def loss_fn():
        hist = tf.math.bincount([0, 1, 1, 2], weights=tf.nn.softplus(w), minlength=3)
        return tf.reduce_sum(hist**2)

    return loss_fn, {"w": w}
