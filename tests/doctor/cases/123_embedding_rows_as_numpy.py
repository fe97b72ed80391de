"""The gradient of an embedding table is IndexedSlices; .numpy() fails on it."""

import tensorflow as tf

CAUSE = "indexed-slices"
FORM = "tape"
RAISES = "AttributeError"
EXPECT = {}
CUT = "biggest = g.numpy().max()"
CUT_ALSO = ("rows = tf.gather(table, [0, 2, 2])",)


def run(Tape=tf.GradientTape):
    table = tf.Variable([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    with Tape() as tape:
        rows = tf.gather(table, [0, 2, 2])
        loss = tf.reduce_sum(rows**2)
    g = tape.gradient(loss, table)
    biggest = g.numpy().max()
    return {"table": biggest}
