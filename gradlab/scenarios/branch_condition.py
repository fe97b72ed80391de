"""What an `if` compares gets no gradient: a threshold is not learned by comparing with it."""

import tensorflow as tf

from gradlab.lab.reading import Kind
from gradlab.lab.scenario import Repair, Scenario


def setup(steps: int = 6, start: float = 0.2):
    tf.keras.utils.set_random_seed(0)
    weight, threshold = tf.Variable(0.5, name="weight"), tf.Variable(start, name="threshold")
    return {"weight": weight, "threshold": threshold, "x": tf.random.normal((steps,))}


def run(bug, weight, threshold, x):
    sources = {"weight": weight, "threshold": threshold}
    with tf.GradientTape() as tape:
        h = tf.constant(0.0)
        for value in tf.unstack(x):
            h = tf.tanh(weight * h + value)
            if bug:  # <-- the switch
                h = h if h > threshold else 0.1 * h
            else:
                gate = tf.sigmoid(10 * (h - threshold))
                h = gate * h + (1 - gate) * 0.1 * h
        loss = (h - 1) ** 2
    return loss, sources, tape.gradient(loss, sources)


scenario = Scenario(
    title="Learn the threshold of an if",
    claims=("T2",),
    claim="The tape differentiates a whole if, so the threshold in its condition is learned like any other weight.",
    switch=("fade between the branches with a sigmoid", "compare with the threshold in an if"),
    setup=setup,
    run=run,
    predicts={"threshold": Kind.OK},
    breaks={"threshold": Kind.NONE},
    verdict="refuted",
    why=(
        "A comparison gives True or False, which can't change by a little, so no gradient passes through it. The "
        "values inside the chosen branch keep their gradients. What is used in the comparison alone gets None. A "
        "sigmoid in the place of the comparison makes the choice gradual, and the threshold learnable."
    ),
    # h is a tanh, between -1 and 1: at 6 and -6 each step from 0 to 1 that is centred at the threshold has ended
    repair=Repair(loss="free", ends={"threshold": (-6.0, 6.0)}),
    hints={
        "another loss": (
            "far above the threshold `h` has to stay as it is, and far below it has to become `0.1 * h`, as with the `if`. "
            "What does your line give there?"
        )
    },
    hint="The threshold is used in one place only. What type has the result of that line?",
    knobs={"steps": (1, 12), "start": (-1.0, 1.0)},
)
