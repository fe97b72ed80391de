"""An LSTM layer keeps no cell state to read; step its cell, or have the state returned."""

import tensorflow as tf

from gradlab.lab.reading import Kind
from gradlab.lab.scenario import Scenario


def setup(steps: int = 4, units: int = 3):
    tf.keras.utils.set_random_seed(0)
    lstm = tf.keras.layers.LSTM(units)
    x = tf.random.normal((1, steps, 2))
    lstm(x)
    return {"lstm": lstm, "x": x}


def run(bug, lstm, x):
    with tf.GradientTape() as tape:
        tape.watch(x)
        if bug:  # <-- the switch
            lstm(x)
            c = lstm.cell_state
        else:
            h = c = tf.zeros((1, lstm.units))
            for t in range(x.shape[1]):
                _, [h, c] = lstm.cell(x[:, t], [h, c])
        loss = tf.reduce_sum(c)
    sources = {"d c_T / d x": x}
    return loss, sources, tape.gradient(loss, sources)


scenario = Scenario(
    title="Read the cell state off the layer",
    claims=("J3",),
    claim="After a call, lstm_layer.cell_state holds the cell state.",
    switch=("step the cell and keep c", "read lstm.cell_state"),
    setup=setup,
    run=run,
    predicts={"d c_T / d x": Kind.OK},
    breaks={"d c_T / d x": Kind.RAISES},
    verdict="refuted",
    why=(
        "A layer is a function of its input: it returns its states and keeps none (unless it is stateful). There is no such "
        "attribute. Step the cell yourself, or build the layer with return_state=True."
    ),
    hint="What does an LSTM layer return with return_state=True, and in which order?",
    hints={
        "another loss": "the sum is over another tensor than c. What does an LSTM layer return if it is told to return its states?"
    },
    knobs={"steps": (1, 8), "units": (1, 8)},
)
