"""The update loop puts plain tensors into the dict of weights; the second round finds no variables."""

import tensorflow as tf

CAUSE = "variable-rebound"
FORM = "tape"
EXPECT = {"first": "ok", "second": "none"}
ROWS = ["none"]
CUT = "weights[key] = weights[key] - 0.1 * slope"
CUT_ALSO = ('loss = tf.reduce_sum(weights["w"] ** 2)',)


def run(Tape=tf.GradientTape):
    weights, found = {"w": tf.Variable([1.0, 2.0])}, []
    for _ in range(2):
        with Tape() as tape:
            loss = tf.reduce_sum(weights["w"] ** 2)
        slopes = tape.gradient(loss, weights)
        found.append(slopes["w"])
        for key, slope in slopes.items():
            if slope is not None:
                weights[key] = weights[key] - 0.1 * slope
    return dict(zip(["first", "second"], found, strict=True))
