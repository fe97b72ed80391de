"""A list of variables is updated by rebinding its elements."""

import tensorflow as tf

CAUSE = "variable-rebound"
FORM = "tape"
EXPECT = {"w2": "none"}
CUT = "params[0] = params[0] - 0.1 * g"
CUT_ALSO = ("loss = tf.reduce_sum(params[0] ** 2)",)


def run(Tape=tf.GradientTape):
    params = [tf.Variable([1.0, 2.0])]
    with Tape() as tape:
        loss = tf.reduce_sum(params[0] ** 2)
    g = tape.gradient(loss, params[0])
    params[0] = params[0] - 0.1 * g
    with Tape() as tape:
        loss = tf.reduce_sum(params[0] ** 2)
    return {"w2": tape.gradient(loss, params[0])}
