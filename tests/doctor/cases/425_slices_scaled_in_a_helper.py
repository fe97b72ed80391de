"""A helper scales gradients, one of which has only the rows that were looked up."""

import tensorflow as tf

CAUSE = "indexed-slices"
FORM = "tape"
RAISES = "TypeError"
EXPECT = {"table": "raises"}
ROWS = ["ok", "raises"]
CUT = "scaled.append(0.5 * slope)"


def halve(slopes):
    scaled = []
    for slope in slopes:
        scaled.append(0.5 * slope)
    return scaled


def run(Tape=tf.GradientTape):
    table, w = tf.Variable([[0.1, 0.2], [0.3, 0.4]]), tf.Variable([1.0, 2.0])
    with Tape() as tape:
        loss = tf.reduce_sum(tf.gather(table, [0, 0]) * w)
    slopes = tape.gradient(loss, [w, table])
    return dict(zip(["w", "table"], halve(slopes), strict=True))
