"""Embedded steps are prepared in a list before the loss."""

import tensorflow as tf

CAUSE = "before-tape"
EXPECT = {"table": "none", "U": "ok"}
CUT = "steps = [tf.gather(table, i) for i in (0, 2, 1)]"
CUT_ALSO = ("h = tf.tanh(s[None] + h @ U)",)


def run():
    table, U = tf.Variable([[1.0, 0.2], [0.3, 0.4], [0.5, 0.6]]), tf.Variable([[0.4, 0.1], [0.2, 0.3]])
    steps = [tf.gather(table, i) for i in (0, 2, 1)]

    def loss_fn():
        h = tf.zeros((1, 2))
        for s in steps:
            h = tf.tanh(s[None] + h @ U)
        return tf.reduce_sum(h)

    return loss_fn, {"table": table, "U": U}
