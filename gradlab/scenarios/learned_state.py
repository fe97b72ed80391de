"""A state that is a variable gets a gradient of its own; the cell's weights never needed that."""

import tensorflow as tf

from gradlab.lab.reading import Kind
from gradlab.lab.scenario import Repair, Scenario


def setup(steps: int = 4, units: int = 4):
    tf.keras.utils.set_random_seed(0)
    cell = tf.keras.layers.SimpleRNNCell(units)
    cell.build((1, 3))
    learned = tf.Variable(tf.fill((1, units), 0.5))
    return {"cell": cell, "learned": learned, "fixed": tf.fill((1, units), 0.5), "x": tf.random.normal((1, steps, 3))}


def run(bug, cell, learned, fixed, x):
    h0 = fixed if bug else learned  # <-- the switch
    sources = {"initial state": h0}
    sources |= {"kernel": cell.kernel, "recurrent_kernel": cell.recurrent_kernel, "bias": cell.bias}
    with tf.GradientTape() as tape:
        h = tf.identity(h0)
        for t in range(x.shape[1]):
            h, _ = cell(x[:, t], [h])
        loss = tf.reduce_mean((h - 1) ** 2)
    return loss, sources, tape.gradient(loss, sources)


scenario = Scenario(
    title="Make the state a constant or a learned variable",
    claims=("S1",),
    claim="The initial state has to be a variable; otherwise neither it nor the cell's weights get gradients.",
    switch=("the state is a tf.Variable", "the state is a constant tensor"),
    setup=setup,
    run=run,
    predicts=dict.fromkeys(("initial state", "kernel", "recurrent_kernel", "bias"), Kind.NONE),
    breaks={"initial state": Kind.NONE},
    verdict="half true",
    why=(
        "A tape watches trainable variables by itself and tensors only when told to. So a constant state has no gradient "
        "of its own until you call tape.watch on it, and the weights, being variables, have theirs either way."
    ),
    repair=Repair(sources="on", forbidden={"a new variable": "the state must stay a constant tensor, not a variable"}),
    hint="A tape watches variables by itself. What do you call for a tensor?",
    knobs={"steps": (1, 8), "units": (1, 12)},
    rate=0.3,
)
