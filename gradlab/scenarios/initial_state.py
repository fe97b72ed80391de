"""One step from a zero state: the recurrent kernel's gradient is exactly zero, and nothing is None."""

import numpy as np
import tensorflow as tf

from gradlab.lab.reading import Kind
from gradlab.lab.scenario import Repair, Scenario


def setup(steps: int = 1, units: int = 4):
    tf.keras.utils.set_random_seed(0)
    cell = tf.keras.layers.SimpleRNNCell(units)
    cell.build((1, 3))
    return {"cell": cell, "x": tf.random.normal((1, steps, 3))}


def run(bug, cell, x):
    sources = {"kernel": cell.kernel, "recurrent_kernel": cell.recurrent_kernel, "bias": cell.bias}
    with tf.GradientTape() as tape:
        start = 0.0 if bug else 0.5  # <-- the switch
        h = tf.constant(np.full((1, cell.units), start, "float32"))
        for t in range(x.shape[1]):
            h, _ = cell(x[:, t], [h])
        loss = tf.reduce_mean((h - 1) ** 2)
    return loss, sources, tape.gradient(loss, sources)


scenario = Scenario(
    title="Start from a state of zeros",
    claims=("S1",),
    claim="An initial state that is not a variable, such as NumPy zeros, makes the gradients of the cell's weights None.",
    switch=("start from NumPy halves", "start from NumPy zeros"),
    setup=setup,
    run=run,
    predicts={"kernel": Kind.NONE, "recurrent_kernel": Kind.NONE, "bias": Kind.NONE},
    breaks={"recurrent_kernel": Kind.ZERO},
    verdict="refuted",
    why=(
        "The state is neither watched nor learned, and need not be: the weights are. In one step the recurrent kernel "
        "U multiplies the initial state, so dL/dU is the outer product of that state and the error that arrives from "
        "the loss. A state of zeros makes it exactly zero. Zero is a number with a reason. None would say that there "
        "is no path."
    ),
    repair=Repair(loss="free", forbidden={"a new variable": "the state must be a constant here, not a variable"}),
    hint="What is the recurrent kernel multiplied with in the first step?",
    knobs={"steps": (1, 8), "units": (1, 12)},
    rate=0.3,
)
