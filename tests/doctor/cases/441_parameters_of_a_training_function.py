"""The training function replaces the variables it was given by updated tensors."""

import tensorflow as tf

CAUSE = "variable-rebound"
FORM = "tape"
EXPECT = {"round 0": "ok", "round 1": "none"}
ROWS = ["none", "none"]
CUT = "values = [v - 0.1 * s for v, s in zip(values, slopes, strict=True)]"
CUT_ALSO = ("loss = tf.add_n([tf.reduce_sum(v**2) for v in values])",)


def descend(values, Tape):
    found = {}
    for turn in range(2):
        with Tape() as tape:
            loss = tf.add_n([tf.reduce_sum(v**2) for v in values])
        slopes = tape.gradient(loss, values)
        found[f"round {turn}"] = slopes[0]
        if turn == 0:
            values = [v - 0.1 * s for v, s in zip(values, slopes, strict=True)]
    return found


def run(Tape=tf.GradientTape):
    return descend([tf.Variable([1.0, 2.0]), tf.Variable(0.5)], Tape)
