"""x is normalised after the model has used it; the new x is asked for."""

import tensorflow as tf

CAUSE = "wrong-source"
FORM = "tape"
EXPECT = {"x": "none"}
CUT = "x = x / tf.reduce_max(x)"


def run(Tape=tf.GradientTape):
    w, x = tf.Variable([[0.5], [1.0]]), tf.constant([[1.0, 2.0]])
    with Tape() as tape:
        tape.watch(x)
        loss = tf.reduce_sum(tf.tanh(x @ w))
        x = x / tf.reduce_max(x)
    return {"x": tape.gradient(loss, x)}
