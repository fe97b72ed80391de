"""The state that a layer carries from step to step is recorded like everything else."""

import tensorflow as tf

from gradlab.lab.reading import Kind
from gradlab.lab.scenario import Scenario


def setup(steps: int = 6, units: int = 4):
    tf.keras.utils.set_random_seed(0)
    lstm = tf.keras.layers.LSTM(units)
    x = tf.random.normal((1, steps, 3))
    lstm(x)  # the first call makes the weights
    return {"lstm": lstm, "x": x}


def run(bug, lstm, x):
    cell = lstm.cell
    sources = {"kernel": cell.kernel, "recurrent_kernel": cell.recurrent_kernel, "bias": cell.bias, "x": x}
    with tf.GradientTape() as tape:
        tape.watch(x)
        if bug:  # <-- the switch
            h = lstm(x)
        else:
            h = c = tf.zeros((1, cell.units))
            for t in range(x.shape[1]):
                _, [h, c] = cell(x[:, t], [h, c])
        loss = tf.reduce_mean((h - 1) ** 2)
    return loss, sources, tape.gradient(loss, sources)


ALL_WRONG = {"kernel": Kind.WRONG, "recurrent_kernel": Kind.WRONG, "bias": Kind.WRONG, "x": Kind.WRONG}

scenario = Scenario(
    title="Leave the state inside the layer",
    claims=("L2",),
    claim="The tape doesn't see the state that a layer passes from step to step, so dependencies are lost.",
    switch=("step the cell in a loop of your own", "let the layer do the steps"),
    setup=setup,
    run=run,
    predicts=ALL_WRONG,
    breaks={},
    verdict="refuted",
    why=(
        "The layer's loop is made of the same TensorFlow operations as yours, and the tape records operations, whoever "
        "calls them. A state inside a layer's call is not hidden; it only has no name in your code."
    ),
    hint="Nothing is broken here. Compare the two positions entry by entry.",
    knobs={"steps": (1, 12), "units": (1, 12)},
    scale=(1e-6, 1e1),
)
