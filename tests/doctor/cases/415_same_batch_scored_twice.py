"""Two scores of the same batch are subtracted."""

import tensorflow as tf

CAUSE = "zero-cancel"
EXPECT = {"w": "zero"}
CUT = "gap = tf.reduce_mean(second) - tf.reduce_mean(first)"


def run():
    w, x = tf.Variable([[0.3], [0.8]]), tf.constant([[1.0, 2.0], [0.5, -1.0]])

    def score(batch):
        return tf.nn.softplus(batch @ w)

    def loss_fn():
        first, second = score(x), score(x)
        gap = tf.reduce_mean(second) - tf.reduce_mean(first)
        return gap

    return loss_fn, {"w": w}
