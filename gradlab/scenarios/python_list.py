"""A Python list that collects tensors inside the tape is harmless."""

import tensorflow as tf

from gradlab.lab.reading import Kind
from gradlab.lab.scenario import Scenario


def setup(steps: int = 5, units: int = 4):
    tf.keras.utils.set_random_seed(0)
    cell = tf.keras.layers.SimpleRNNCell(units)
    cell.build((1, 3))
    return {"cell": cell, "x": tf.random.normal((1, steps, 3))}


def run(bug, cell, x):
    sources = {"kernel": cell.kernel, "recurrent_kernel": cell.recurrent_kernel, "bias": cell.bias}
    with tf.GradientTape() as tape:
        h = total = tf.zeros((1, cell.units))
        seen = []
        for t in range(x.shape[1]):
            h, _ = cell(x[:, t], [h])
            if bug:  # <-- the switch
                seen.append(h)
            else:
                total = total + h
        if seen:
            total = tf.reduce_sum(seen, axis=0)
        loss = tf.reduce_mean((total - 1) ** 2)
    return loss, sources, tape.gradient(loss, sources)


scenario = Scenario(
    title="Collect the hidden states in a Python list",
    claims=("T1",),
    claim="Appending to a Python list inside the tape gives a wrong gradient, because the tape can't replay the list.",
    switch=("add the states up as they come", "append the states to a Python list and add them up at the end"),
    setup=setup,
    run=run,
    predicts={"kernel": Kind.WRONG, "recurrent_kernel": Kind.WRONG, "bias": Kind.WRONG},
    breaks={},
    verdict="refuted",
    why=(
        "The tape records operations on tensors, and a tensor does not change when a list holds it. The tape replays "
        "nothing: while the code runs, it records which operation made which tensor from which others, and goes "
        "backwards through that record."
    ),
    hint="Nothing is broken here. Where else could the states be kept, and where would their path end?",
    knobs={"steps": (1, 12), "units": (1, 12)},
)
