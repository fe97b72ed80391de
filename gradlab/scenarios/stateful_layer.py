"""`stateful=True` keeps the state in a variable, and an assignment to a variable has no gradient."""

import tensorflow as tf

from gradlab.lab.reading import Kind
from gradlab.lab.scenario import Scenario


def setup(steps: int = 4, units: int = 4):
    tf.keras.utils.set_random_seed(0)
    cell = tf.keras.layers.LSTMCell(units)  # one cell for both layers, so one set of weights
    plain = tf.keras.layers.RNN(cell, return_state=True)
    keeper = tf.keras.layers.RNN(cell, stateful=True)
    x1, x2 = tf.random.normal((1, steps, 3)), tf.random.normal((1, steps, 3))
    plain(x1), keeper(x1)  # the first call makes the weights
    return {"cell": cell, "plain": plain, "keeper": keeper, "x1": x1, "x2": x2}


def run(bug, cell, plain, keeper, x1, x2):
    sources = {"kernel": cell.kernel, "recurrent_kernel": cell.recurrent_kernel, "bias": cell.bias, "x1": x1, "x2": x2}
    for state in keeper.states:
        state.assign(tf.zeros_like(state))  # forget what earlier runs left behind
    with tf.GradientTape() as tape:
        tape.watch([x1, x2])
        if bug:  # <-- the switch
            keeper(x1)
            output = keeper(x2)
        else:
            _, h, c = plain(x1)
            output, h, c = plain(x2, initial_state=[h, c])
        loss = tf.reduce_mean((output - 1) ** 2)
    return loss, sources, tape.gradient(loss, sources)


scenario = Scenario(
    title="Let the layer keep its state between two calls",
    claims=("L4",),
    claim="A state that the layer keeps for itself between two calls is not captured by the tape.",
    switch=("pass the state of the first call to the second", "rely on stateful=True"),
    setup=setup,
    run=run,
    predicts={"x1": Kind.NONE},
    breaks={"kernel": Kind.WRONG, "recurrent_kernel": Kind.WRONG, "bias": Kind.WRONG, "x1": Kind.NONE},
    verdict="confirmed",
    why=(
        "At the end of a call the layer assigns its state to variables of its own, and reads them at the next. An "
        "assignment has no gradient, so the path ends there, although both calls are in one tape. Here the answer is "
        "right that such a state is lost. What it advises, watching, would not help."
    ),
    hint="What else can the first call return, and how could the second call be given it?",
    knobs={"steps": (1, 10), "units": (1, 12)},
    scale=(1e-6, 1e1),
)
