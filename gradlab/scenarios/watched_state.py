"""Watching the states changes nothing for the weights; it buys the gradient with respect to the states themselves."""

import tensorflow as tf

from gradlab.lab.reading import Kind
from gradlab.lab.scenario import Scenario


def setup(steps: int = 6, units: int = 4):
    tf.keras.utils.set_random_seed(0)
    lstm = tf.keras.layers.LSTM(units, return_sequences=True)
    x = tf.random.normal((1, steps, 3))
    h, c = tf.random.normal((1, units)), tf.random.normal((1, units))
    lstm(x, initial_state=[h, c])  # the first call makes the weights
    return {"lstm": lstm, "x": x, "h": h, "c": c}


def run(bug, lstm, x, h, c):
    cell = lstm.cell
    sources = {"kernel": cell.kernel, "recurrent_kernel": cell.recurrent_kernel, "bias": cell.bias, "h": h, "c": c}
    with tf.GradientTape() as tape:
        if not bug:  # <-- the switch
            tape.watch([h, c])
        output = lstm(x, initial_state=[h, c])
        loss = tf.reduce_mean(output**2)
    return loss, sources, tape.gradient(loss, sources)


scenario = Scenario(
    title="Watch the hidden and the cell state, or don't",
    claims=("L1",),
    claim="The weights of an LSTM get None as gradients unless the hidden and the cell state are watched.",
    switch=("watch h and c", "watch nothing"),
    setup=setup,
    run=run,
    predicts={"kernel": Kind.NONE, "recurrent_kernel": Kind.NONE, "bias": Kind.NONE},
    breaks={"h": Kind.NONE, "c": Kind.NONE},
    verdict="refuted",
    why=(
        "Every tape watches variables by itself, and every operation on them is recorded, the steps inside an LSTM "
        "too. Watching a tensor adds one thing: the gradient with respect to that tensor."
    ),
    hint=(
        "The weights lack nothing. Which two sources are tensors and not variables, and which line tells the tape to "
        "watch them?"
    ),
    knobs={"steps": (1, 12), "units": (1, 12)},
    rate=1.0,
    scale=(1e-9, 1e1),
)
