"""A dict of norms trips over the rows-only gradient of an embedding."""

import numpy as np
import tensorflow as tf

CAUSE = "indexed-slices"
FORM = "tape"
RAISES = "AttributeError"
EXPECT = {"table": "ok"}
ROWS = ["raises"]
CUT = "sizes = {n: float(np.sum(g.numpy() ** 2)) for n, g in found.items()}"


def run(Tape=tf.GradientTape):
    table = tf.Variable(tf.random.Generator.from_seed(2).normal((6, 2)))
    with Tape() as tape:
        rows = tf.gather(table, [1, 4, 4])
        loss = tf.reduce_sum(rows**2)
    found = tape.gradient(loss, {"table": table})
    sizes = {n: float(np.sum(g.numpy() ** 2)) for n, g in found.items()}
    return found if sizes else {}
