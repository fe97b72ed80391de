"""watch_accessed_variables=False and the variable is never watched."""

import tensorflow as tf

CAUSE = "not-watched"
FORM = "tape"
EXPECT = {"w": "none"}
CUT = "loss = tf.reduce_sum(w * w)"


def run(Tape=tf.GradientTape):
    w = tf.Variable([1.0, 2.0])
    with Tape(watch_accessed_variables=False) as tape:
        loss = tf.reduce_sum(w * w)
    return {"w": tape.gradient(loss, w)}
