"""A second term, itself differentiable, is added when the tape has closed."""

import tensorflow as tf

CAUSE = "after-tape"
FORM = "tape"
EXPECT = {"w": "none"}
CUT = "total = fit + 0.1 * extra"


def run(Tape=tf.GradientTape):
    w, x = tf.Variable([[0.4, -0.2], [0.1, 0.6]]), tf.constant([[1.0, 2.0]])
    with Tape() as tape:
        fit = tf.reduce_sum(tf.tanh(x @ w) ** 2)
    extra = tf.norm(w @ tf.transpose(w))
    total = fit + 0.1 * extra
    return {"w": tape.gradient(total, w)}
