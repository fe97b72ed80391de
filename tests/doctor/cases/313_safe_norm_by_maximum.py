"""sqrt inside maximum: the clamp comes too late."""

import tensorflow as tf

CAUSE = "nan-where"
EXPECT = {"w": "not finite"}
CUT = "n = tf.reduce_sum(tf.square(w), 1) ** 0.5"


def run():
    w = tf.Variable([[0.0, 0.0], [3.0, 4.0]])

    def loss_fn():
        n = tf.reduce_sum(tf.square(w), 1) ** 0.5
        n = tf.maximum(n, 1e-3)
        return tf.reduce_sum(w / n[:, None])

    return loss_fn, {"w": w}
