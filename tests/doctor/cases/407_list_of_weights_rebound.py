"""After a step by hand the list holds tensors, and the next tape does not watch them."""

import tensorflow as tf

CAUSE = "variable-rebound"
FORM = "tape"
EXPECT = {"w": "none"}
ROWS = ["none", "none"]
CUT = "weights = [v - 0.1 * s for v, s in zip(weights, slopes, strict=True)]"


def run(Tape=tf.GradientTape):
    weights = [tf.Variable([[0.3], [0.8]]), tf.Variable([0.1])]
    x = tf.constant([[1.0, 2.0], [0.5, -1.0]])
    for _ in range(2):
        with Tape() as tape:
            loss = tf.reduce_mean((x @ weights[0] + weights[1]) ** 2)
        slopes = tape.gradient(loss, weights)
        if slopes[0] is not None:
            weights = [v - 0.1 * s for v, s in zip(weights, slopes, strict=True)]
    return {"w": slopes[0]}
