"""Both halves of every pair are the same batch."""

import tensorflow as tf

CAUSE = "zero-cancel"
EXPECT = {"w": "zero"}
CUT = "gap = tf.tanh(left @ w) - tf.tanh(right @ w)"


def twins(data):
    for row in tf.unstack(data):
        yield row[None], row[None]


def run():
    w, data = tf.Variable([[0.3], [0.6]]), tf.constant([[1.0, 2.0], [0.5, -1.0]])

    def loss_fn():
        total = 0.0
        for left, right in twins(data):
            gap = tf.tanh(left @ w) - tf.tanh(right @ w)
            total += tf.reduce_sum(gap**2)
        return total

    return loss_fn, {"w": w}
