"""States computed before the tape opened can't be differentiated in it."""

import tensorflow as tf

from gradlab.lab.reading import Kind
from gradlab.lab.scenario import Scenario


def setup(steps: int = 4, units: int = 3):
    tf.keras.utils.set_random_seed(0)
    lstm = tf.keras.layers.LSTM(units, return_state=True)
    x = tf.random.normal((1, steps, 2))
    lstm(x)
    return {"lstm": lstm, "x": x}


def run(bug, lstm, x):
    _, _, before = lstm(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        _, _, inside = lstm(x)
        c = before if bug else inside  # <-- the switch
        loss = tf.reduce_sum(c)
    sources = {"d c_T / d x": x}
    return loss, sources, tape.gradient(loss, sources)


scenario = Scenario(
    title="Compute the states before the tape",
    claims=("J4",),
    claim="States computed before the tape opens can be differentiated inside it.",
    switch=("use the state computed inside", "use the state computed before"),
    setup=setup,
    run=run,
    predicts={"d c_T / d x": Kind.OK},
    breaks={"d c_T / d x": Kind.NONE},
    verdict="refuted",
    why=(
        "The tape records what is computed while it is open. The earlier state has the same numbers, but for the tape "
        "it is a constant. Watching x inside has no effect on what was computed from x before."
    ),
    hint="Was the tape open when this state was computed?",
    knobs={"steps": (1, 8), "units": (1, 8)},
)
