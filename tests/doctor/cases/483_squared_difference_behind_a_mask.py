"""The features are hidden by a mask of zeros, and what is left of them is held against features hidden the same way."""

import tensorflow as tf

CAUSE = "zero-masked"
EXPECT = {"w": "zero"}
CUT = "return (x @ w) * mask"


def run():
    w, x, mask = tf.Variable([[0.5, -0.3], [0.2, 0.7]]), tf.constant([[1.0, 2.0]]), tf.constant([[0.0, 0.0]])

    def features():
        return (x @ w) * mask

    known = features()

    def loss_fn():
        return tf.reduce_sum((features() - known) ** 2)

    return loss_fn, {"w": w}
