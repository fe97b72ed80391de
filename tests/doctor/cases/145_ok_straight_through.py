"""Healthy: straight-through rounding."""

import tensorflow as tf

CAUSE = "ok"
EXPECT = {"w": "ok", "b": "ok"}
CUT = ""


def run():
    w, b = tf.Variable([0.4, 1.7]), tf.Variable(0.1)

    def loss_fn():
        y = w * 3.0 + b
        y = y + tf.stop_gradient(tf.round(y) - y)
        return tf.reduce_sum((y - 1.0) ** 2)

    return loss_fn, {"w": w, "b": b}
