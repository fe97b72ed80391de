"""A slice taken after the loss was computed is not a part of it."""

import tensorflow as tf

from gradlab.lab.reading import Kind
from gradlab.lab.scenario import Scenario


def setup(steps: int = 5, units: int = 4):
    tf.keras.utils.set_random_seed(0)
    layer = tf.keras.layers.SimpleRNN(units, return_sequences=True)
    layer.build((1, steps, 3))
    return {"layer": layer, "x": tf.random.normal((1, steps, 3))}


def run(bug, layer, x):
    with tf.GradientTape() as tape:
        states = layer(x)
        last = states[:, -1]
        loss = tf.reduce_mean((last - 1) ** 2)
        wanted = states[:, -1] if bug else last  # <-- the switch
    sources = {"last state": wanted}
    return loss, sources, tape.gradient(loss, sources)


def by_hand(differences, layer, x):
    last = layer(x)[:, -1].numpy()
    return {"last state": 2 * (last - 1) / last.size}  # the derivative of a mean of squares


scenario = Scenario(
    title="Ask for a slice that the loss never saw",
    claims=("M2",),
    claim="Slicing again gives the same numbers, so it gives the same gradient.",
    switch=("the slice that the loss was made of", "the same slice, cut out again after the loss"),
    setup=setup,
    run=run,
    by_hand=by_hand,
    predicts={"last state": Kind.OK},
    breaks={"last state": Kind.NONE},
    verdict="refuted",
    why=(
        "Each slice is a new tensor. The loss was computed from the first one. The second has the same numbers, and "
        "nothing was computed from it. Keep the tensor that you use in the loss, and ask for that."
    ),
    hint="Two tensors hold the same numbers. Which of them was the loss computed from?",
    knobs={"steps": (1, 12), "units": (1, 12)},
)
