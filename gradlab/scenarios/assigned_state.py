"""A state written into a `tf.Variable` loses its past: `assign` is where the path ends."""

import tensorflow as tf

from gradlab.lab.reading import Kind
from gradlab.lab.scenario import Scenario


def setup(steps: int = 5, units: int = 4):
    tf.keras.utils.set_random_seed(0)
    cell = tf.keras.layers.SimpleRNNCell(units)
    cell.build((1, 3))
    memory = tf.Variable(tf.zeros((1, units)), trainable=False, name="memory")
    return {"cell": cell, "x": tf.random.normal((1, steps, 3)), "memory": memory}


def run(bug, cell, x, memory):
    sources = {"kernel": cell.kernel, "recurrent_kernel": cell.recurrent_kernel, "bias": cell.bias}
    memory.assign(tf.zeros_like(memory))
    with tf.GradientTape() as tape:
        h = tf.zeros((1, cell.units))
        for t in range(x.shape[1]):
            h, _ = cell(x[:, t], [h])
            if bug:  # <-- the switch
                memory.assign(h)
                h = memory.read_value()
        loss = tf.reduce_mean((h - 1) ** 2)
    return loss, sources, tape.gradient(loss, sources)


ALL_NONE = {"kernel": Kind.NONE, "recurrent_kernel": Kind.NONE, "bias": Kind.NONE}

scenario = Scenario(
    title="Keep the state in a variable with assign",
    claims=("T1",),
    claim="State that changes inside the tape breaks the gradient.",
    switch=("hand the state on as a tensor", "write the state into a tf.Variable and read it back"),
    setup=setup,
    run=run,
    predicts=ALL_NONE,
    breaks=ALL_NONE,
    verdict="confirmed",
    why=(
        "`assign` writes numbers into the variable and has no derivative. Reading the variable afterwards starts a "
        "new path at the variable itself. How its numbers were computed is not recorded. The loss is the same to the "
        "last digit."
    ),
    hint="Look for the line that writes a value instead of making a new one.",
    knobs={"steps": (1, 12), "units": (1, 12)},
)
