"""A constant state made before the tape opens changes nothing."""

import tensorflow as tf

from gradlab.lab.reading import Kind
from gradlab.lab.scenario import Scenario


def setup(steps: int = 4, units: int = 4):
    tf.keras.utils.set_random_seed(0)
    cell = tf.keras.layers.SimpleRNNCell(units)
    cell.build((1, 3))
    return {"cell": cell, "x": tf.random.normal((1, steps, 3))}


def run(bug, cell, x):
    sources = {"kernel": cell.kernel, "recurrent_kernel": cell.recurrent_kernel, "bias": cell.bias}
    before = tf.fill((1, cell.units), 0.5)
    with tf.GradientTape() as tape:
        h = before if bug else tf.fill((1, cell.units), 0.5)  # <-- the switch
        for t in range(x.shape[1]):
            h, _ = cell(x[:, t], [h])
        loss = tf.reduce_mean((h - 1) ** 2)
    return loss, sources, tape.gradient(loss, sources)


scenario = Scenario(
    title="Make the state before the tape opens",
    claims=("S2",),
    claim="A state that is created outside the tape stops the gradient from flowing through the RNN.",
    switch=("make the state inside the tape", "make the state before the tape"),
    setup=setup,
    run=run,
    predicts={"kernel": Kind.NONE, "recurrent_kernel": Kind.NONE, "bias": Kind.NONE},
    breaks={},
    verdict="refuted",
    why=(
        "A constant was computed from nothing that is trained, wherever it is made. So there is nothing before the "
        "tape opened that the tape could have missed. The weights are read inside the tape, and that is what counts "
        "for them."
    ),
    doubted="An initial state can be made before the tape opens: no weight loses its gradient.",
    hint="Nothing is broken here. From what would the state have to be computed, so that the tape misses something?",
    knobs={"steps": (1, 8), "units": (1, 12)},
)
