"""A mask that hides every step: the LSTM hands its initial state on, and no weight has a part in it."""

import tensorflow as tf

from gradlab.lab.reading import Kind
from gradlab.lab.scenario import Scenario


def setup(steps: int = 4, units: int = 3):
    tf.keras.utils.set_random_seed(0)
    layer = tf.keras.layers.LSTM(units)
    layer.build((2, steps, 2))
    return {"layer": layer, "x": tf.random.normal((2, steps, 2))}


def run(bug, layer, x):
    sources = {"kernel": layer.cell.kernel, "recurrent_kernel": layer.cell.recurrent_kernel, "bias": layer.cell.bias}
    real = tf.zeros(x.shape[:2], tf.bool) if bug else tf.ones(x.shape[:2], tf.bool)  # <-- the switch
    with tf.GradientTape() as tape:
        h = layer(x, mask=real)
        loss = tf.reduce_mean((h - 1) ** 2)
    return loss, sources, tape.gradient(loss, sources)


scenario = Scenario(
    title="Mask every step of a sequence",
    claims=("M1",),
    claim="Weights that have no part in the result get None.",
    switch=("every step is real", "every step is padding"),
    setup=setup,
    run=run,
    predicts={"kernel": Kind.NONE, "recurrent_kernel": Kind.NONE, "bias": Kind.NONE},
    breaks={"kernel": Kind.ZERO, "recurrent_kernel": Kind.ZERO, "bias": Kind.ZERO},
    verdict="refuted",
    why=(
        "A mask does not remove operations. Every step is computed, and then the old state is chosen and not the new "
        "one. So there is a path to the weights, and the gradient is multiplied by zero at every step."
    ),
    hint="How many True entries has each row of the mask?",
    knobs={"steps": (2, 10), "units": (1, 8)},
    scale=(1e-5, 1e1),
)
