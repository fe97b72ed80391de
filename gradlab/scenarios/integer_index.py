"""Integer indices are harmless: picking entries by number keeps the path."""

import tensorflow as tf

from gradlab.lab.reading import Kind
from gradlab.lab.scenario import Scenario


def setup(tokens: int = 5, units: int = 4):
    tf.keras.utils.set_random_seed(0)
    table = tf.Variable(tf.random.normal((8, 3)), name="table")
    cell = tf.keras.layers.SimpleRNNCell(units)
    cell.build((1, 3))
    return {"table": table, "cell": cell, "ids": tf.random.uniform((tokens,), maxval=8, dtype=tf.int32)}


def run(bug, table, cell, ids):
    sources = {"table": table, "kernel": cell.kernel, "recurrent_kernel": cell.recurrent_kernel, "bias": cell.bias}
    with tf.GradientTape() as tape:
        if bug:  # <-- the switch
            rows = tf.gather(table, ids)
        else:
            rows = tf.one_hot(ids, 8) @ table
        h = tf.zeros((1, cell.units))
        for row in tf.unstack(rows):
            h, _ = cell(row[tf.newaxis], [h])
        loss = tf.reduce_mean((h - 1) ** 2)
    return loss, sources, tape.gradient(loss, sources)


scenario = Scenario(
    title="Pick rows by an integer index",
    claims=("C2",),
    claim="Indexing a tensor with an integer tensor detaches it from the tape.",
    switch=("pick rows by a product with one-hot vectors", "pick rows by tf.gather with integer ids"),
    setup=setup,
    run=run,
    predicts={"table": Kind.NONE},
    breaks={},
    verdict="refuted",
    why=(
        "An integer index decides which entries are used; the entries themselves stay floats, and their gradient goes back "
        "to the rows they came from. tf.gather even says which: its gradient is an IndexedSlices, values and row numbers. "
        "Rows that were not picked get exactly zero."
    ),
    hint="Nothing is broken here. Ask instead which rows of the table get an exact zero, and why.",
    knobs={"tokens": (1, 8), "units": (1, 12)},
)
