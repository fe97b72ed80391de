"""The regulariser is meant to use the weights and uses their shape."""

import tensorflow as tf

CAUSE = "unconnected"
EXPECT = {"w": "none", "v": "ok"}
CUT = "size = tf.cast(tf.reduce_prod(tf.shape(w)), tf.float32)"


def run():
    w, v = tf.Variable([[1.0, 2.0]]), tf.Variable(3.0)

    def loss_fn():
        size = tf.cast(tf.reduce_prod(tf.shape(w)), tf.float32)
        return size * v

    return loss_fn, {"w": w, "v": v}
