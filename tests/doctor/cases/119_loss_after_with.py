"""The loss is computed one indentation too far left."""

import tensorflow as tf

CAUSE = "after-tape"
FORM = "tape"
EXPECT = {"w": "none"}
CUT = "loss = tf.reduce_mean((pred - 1.0) ** 2)"


def run(Tape=tf.GradientTape):
    w, x = tf.Variable([[0.5], [0.2]]), tf.constant([[1.0, 2.0], [3.0, 4.0]])
    with Tape() as tape:
        pred = x @ w
    loss = tf.reduce_mean((pred - 1.0) ** 2)
    return {"w": tape.gradient(loss, w)}
