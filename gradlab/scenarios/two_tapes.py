"""Carrying the state from one tape to the next carries its value, not its past."""

import tensorflow as tf

from gradlab.lab.reading import Kind
from gradlab.lab.scenario import Scenario


def setup(steps: int = 4, units: int = 4):
    tf.keras.utils.set_random_seed(0)
    lstm = tf.keras.layers.LSTM(units, return_state=True)
    x1, x2 = tf.random.normal((1, steps, 3)), tf.random.normal((1, steps, 3))
    lstm(x1)  # the first call makes the weights
    return {"lstm": lstm, "x1": x1, "x2": x2}


def run(bug, lstm, x1, x2):
    cell = lstm.cell
    sources = {"kernel": cell.kernel, "recurrent_kernel": cell.recurrent_kernel, "bias": cell.bias, "x1": x1, "x2": x2}
    tape = tf.GradientTape()
    with tape:
        tape.watch(x1)
        _, h, c = lstm(x1)
    if bug:  # <-- the switch
        tape = tf.GradientTape()
    with tape:  # a tape that was used before goes on where it stopped
        tape.watch(x2)
        output, h, c = lstm(x2, initial_state=[h, c])
        loss = tf.reduce_mean((output - 1) ** 2)
    return loss, sources, tape.gradient(loss, sources)


scenario = Scenario(
    title="Carry the state from one tape to the next",
    claims=("L3",),
    claim="Handing h and c on to the next tape propagates the state properly.",
    switch=("one tape for both windows", "a new tape for the second window"),
    setup=setup,
    run=run,
    predicts={"x1": Kind.OK, "x2": Kind.OK},
    breaks={"kernel": Kind.WRONG, "recurrent_kernel": Kind.WRONG, "bias": Kind.WRONG, "x1": Kind.NONE},
    verdict="half true",
    why=(
        "The values of h and c arrive, so the loss is the same. For the new tape they are two constants: nothing of "
        "the first window gets a gradient, and the weights get the share of the second window only. Training this way "
        "is called truncated backpropagation through time. It is useful where you choose it."
    ),
    hint="How many tapes are there, which of them records the first window, and is each of the two windows watched?",
    knobs={"steps": (1, 10), "units": (1, 12)},
    scale=(1e-6, 1e1),
)
