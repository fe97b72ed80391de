"""A tape answers one question, unless it is made persistent."""

import tensorflow as tf

from gradlab.lab.reading import Kind
from gradlab.lab.scenario import Repair, Scenario


def setup(steps: int = 4, units: int = 3):
    tf.keras.utils.set_random_seed(0)
    lstm = tf.keras.layers.LSTM(units, return_state=True)
    x = tf.random.normal((1, steps, 2))
    lstm(x)
    return {"lstm": lstm, "x": x}


def run(bug, lstm, x):
    with tf.GradientTape(persistent=not bug) as tape:  # <-- the switch
        tape.watch(x)
        _, h, c = lstm(x)
        hidden, carried = tf.reduce_sum(h), tf.reduce_sum(c)
    gradients = {"d h_T / d x": tape.gradient(hidden, x), "d c_T / d x": tape.gradient(carried, x)}
    return hidden + carried, dict.fromkeys(gradients, x), gradients


def by_hand(differences, lstm, x):
    def both(v):
        return tf.reduce_sum(
            tf.stack(lstm(v)[1:], axis=1), axis=2
        )  # a sum over the units of h and of c for each example

    hidden, carried = differences(both, x, batch=True)[0, :, 0]
    return {"d h_T / d x": hidden[None], "d c_T / d x": carried[None]}


scenario = Scenario(
    title="Ask one tape twice",
    claims=("J4",),
    claim="One tape gives the gradient of the hidden state and then that of the cell state.",
    switch=("tf.GradientTape(persistent=True)", "tf.GradientTape()"),
    setup=setup,
    run=run,
    by_hand=by_hand,
    predicts={"d h_T / d x": Kind.OK, "d c_T / d x": Kind.OK},
    breaks={"d h_T / d x": Kind.RAISES, "d c_T / d x": Kind.RAISES},
    verdict="refuted",
    why=(
        "A tape deletes its record as soon as it has answered, to free the memory. persistent=True keeps the record "
        "until the tape is deleted. (The loss here is only a sum of both, so that there is something to train.)"
    ),
    repair=Repair(forbidden={"a persistent tape": "this exercise asks for tapes that are not persistent"}),
    hint="How many times is the tape asked?",
    knobs={"steps": (1, 8), "units": (1, 8)},
)
