"""The loss is the sign of the score."""

import tensorflow as tf

CAUSE = "zero-saturated"
EXPECT = {"w": "zero"}
CUT = "vote = tf.sign(tf.linalg.matvec(x, w))"


def run():
    w, x = tf.Variable([1.0, -0.5]), tf.constant([[1.0, 2.0], [3.0, 0.5]])

    def loss_fn():
        vote = tf.sign(tf.linalg.matvec(x, w))
        return tf.reduce_mean((vote - 1.0) ** 2)

    return loss_fn, {"w": w}
