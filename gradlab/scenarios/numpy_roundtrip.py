"""A value that leaves TensorFlow through `.numpy()` and comes back is a new constant."""

import tensorflow as tf

from gradlab.lab.reading import Kind
from gradlab.lab.scenario import Scenario


def setup(steps: int = 6, units: int = 4):
    tf.keras.utils.set_random_seed(0)
    cell = tf.keras.layers.SimpleRNNCell(units)
    cell.build((1, 3))
    return {"cell": cell, "x": tf.random.normal((1, steps, 3))}


def run(bug, cell, x):
    sources = {"kernel": cell.kernel, "recurrent_kernel": cell.recurrent_kernel, "bias": cell.bias}
    with tf.GradientTape() as tape:
        h = tf.zeros((1, cell.units))
        for t in range(x.shape[1]):
            h, _ = cell(x[:, t], [h])
        if bug:  # <-- the switch
            h = tf.constant(h.numpy())
        loss = tf.reduce_mean((h - 1) ** 2)
    return loss, sources, tape.gradient(loss, sources)


ALL_NONE = {"kernel": Kind.NONE, "recurrent_kernel": Kind.NONE, "bias": Kind.NONE}

scenario = Scenario(
    title="Take a value to NumPy and back",
    claims=("C3",),
    claim="Converting a tensor to a NumPy array detaches it from the tape.",
    switch=("stay in TensorFlow", "go through .numpy() and back"),
    setup=setup,
    run=run,
    predicts=ALL_NONE,
    breaks=ALL_NONE,
    verdict="confirmed",
    why=(
        "The tape records operations of TensorFlow. A NumPy array holds numbers and not how they were computed. What "
        "is made from it afterwards is a constant with the same values. The loss is the same to the last digit."
    ),
    hint="Look for the line after which the value is no longer a tensor.",
    knobs={"steps": (1, 12), "units": (1, 12)},
)
