"""A layer that has not been called yet has no variables to list."""

import tensorflow as tf

from gradlab.lab.reading import Kind
from gradlab.lab.scenario import Scenario


def setup(steps: int = 4, units: int = 4):
    tf.keras.utils.set_random_seed(0)
    layer = tf.keras.layers.LSTM(units)
    early = list(layer.trainable_variables)
    x = tf.random.normal((1, steps, 3))
    layer(x)
    late = list(layer.trainable_variables)
    return {"layer": layer, "early": early, "late": late, "x": x}


def run(bug, layer, early, late, x):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((layer(x) - 1) ** 2)
    variables = early if bug else late  # <-- the switch
    sources = dict(zip(("kernel", "recurrent_kernel", "bias"), variables))
    return loss, sources, tape.gradient(loss, sources), tape.watched_variables()


scenario = Scenario(
    title="Ask a layer for its variables before its first call",
    claims=("V1",),
    claim="The weights of a layer that has not been built yet get None for a gradient.",
    switch=("ask after the first call", "ask before the first call"),
    setup=setup,
    run=run,
    predicts=dict.fromkeys(("kernel", "recurrent_kernel", "bias"), Kind.NONE),
    breaks=dict.fromkeys(("kernel", "recurrent_kernel", "bias"), Kind.MISSING),
    verdict="refuted",
    why=(
        "A layer makes its weights when it is first given an input, because only then it knows their shapes. A list "
        "taken before that is empty and stays empty: nothing in it can be None, and nothing in it can be trained."
    ),
    hint="In which line is the list of variables taken, and does the layer have any by then?",
    knobs={"steps": (1, 8), "units": (1, 12)},
    scale=(1e-6, 1e1),
)
