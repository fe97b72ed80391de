"""Healthy: a tape loop with assign_sub updates after the gradient."""

import tensorflow as tf

CAUSE = "ok"
EXPECT = {"w": "ok", "b": "ok"}
CUT = ""


def run():
    w, b, count = tf.Variable([1.0, 2.0]), tf.Variable(0.5), tf.Variable(0, trainable=False)

    def loss_fn():
        count.assign_add(1)
        keep = tf.cast(tf.range(2) < count + 2, tf.float32)
        return tf.reduce_sum(keep * (w - b) ** 2)

    return loss_fn, {"w": w, "b": b}
