"""Sixty sigmoid steps with small weights: the gradient underflows on its way back."""

import tensorflow as tf

CAUSE = "zero-underflow"
EXPECT = {"x0": "zero", "w": "ok"}
CUT = "h = tf.sigmoid(h * w * 0.01)"


def run():
    x0, w = tf.Variable(0.5), tf.Variable(0.1)

    def loss_fn():
        h = x0 * 1.0
        for _ in range(20):
            h = tf.sigmoid(h * w * 0.01)
        return h

    return loss_fn, {"x0": x0, "w": w}
