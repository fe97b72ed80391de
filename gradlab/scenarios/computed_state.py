"""A state computed from variables before the tape opens: those variables get None, the cell's do not."""

import tensorflow as tf

from gradlab.lab.reading import Kind
from gradlab.lab.scenario import Scenario


def setup(steps: int = 4, units: int = 4):
    tf.keras.utils.set_random_seed(0)
    encoder = tf.keras.layers.Dense(units)
    cell = tf.keras.layers.SimpleRNNCell(units)
    encoder.build((1, 2))
    cell.build((1, 3))
    return {"encoder": encoder, "cell": cell, "facts": tf.random.normal((1, 2)), "x": tf.random.normal((1, steps, 3))}


def run(bug, encoder, cell, facts, x):
    sources = {"encoder kernel": encoder.kernel, "encoder bias": encoder.bias}
    sources |= {"kernel": cell.kernel, "recurrent_kernel": cell.recurrent_kernel, "bias": cell.bias}
    before = encoder(facts)
    with tf.GradientTape() as tape:
        h = before if bug else encoder(facts)  # <-- the switch
        for t in range(x.shape[1]):
            h, _ = cell(x[:, t], [h])
        loss = tf.reduce_mean((h - 1) ** 2)
    return loss, sources, tape.gradient(loss, sources)


scenario = Scenario(
    title="Compute the state before the tape opens",
    claims=("S2", "E5"),
    claim="A state that is created outside the tape stops the gradient: nothing behind or after it gets one.",
    switch=("compute the state inside the tape", "compute the state before the tape"),
    setup=setup,
    run=run,
    predicts=dict.fromkeys(("encoder kernel", "encoder bias", "kernel", "recurrent_kernel", "bias"), Kind.NONE),
    breaks={"encoder kernel": Kind.NONE, "encoder bias": Kind.NONE},
    verdict="half true",
    why=(
        "The tape records from the moment it opens. What the encoder did before that is not recorded, so its weights "
        "get None. The cell runs inside the tape and gets all of its gradients."
    ),
    hint="Which layer is called before the line that opens the tape?",
    knobs={"steps": (1, 8), "units": (1, 12)},
)
