"""All margins are satisfied: the hinge is flat."""

import tensorflow as tf

CAUSE = "zero-saturated"
EXPECT = {"w": "zero", "b": "zero"}
CUT = "return tf.reduce_mean(tf.maximum(0.0, 1.0 - y * score))"


def run():
    w, b = tf.Variable([5.0, 5.0]), tf.Variable(0.0)
    x, y = tf.constant([[1.0, 1.0], [-1.0, -2.0]]), tf.constant([1.0, -1.0])

    def loss_fn():
        score = tf.linalg.matvec(x, w) + b
        return tf.reduce_mean(tf.maximum(0.0, 1.0 - y * score))

    return loss_fn, {"w": w, "b": b}
