"""A loop whose length depends on the data: the tape has as many steps as ran."""

import tensorflow as tf

from gradlab.lab.reading import Kind
from gradlab.lab.scenario import Scenario


def setup(start: float = 0.1, units: int = 3):
    tf.keras.utils.set_random_seed(0)
    weights = tf.Variable(1.3 * tf.eye(units) + tf.random.normal((units, units), stddev=0.1), name="weights")
    return {"weights": weights, "first": start * tf.ones((1, units))}


def run(bug, weights, first):
    sources = {"weights": weights}

    def goes_on(h, done):
        return tf.reduce_max(tf.abs(h)) < 1 and done < 30

    steps, h = 0, first
    while goes_on(h, steps):  # how many steps it takes, before any tape
        h, steps = h @ weights, steps + 1
    with tf.GradientTape() as tape:
        h, done = first, 0
        while goes_on(h, done) if bug else done < steps:  # <-- the switch
            h, done = h @ weights, done + 1
        loss = tf.reduce_mean((h - 1) ** 2)
    return loss, sources, tape.gradient(loss, sources)


scenario = Scenario(
    title="Let the data decide how long a loop runs",
    claims=("T2",),
    claim="If a loop's length depends on the data, the backward pass may run another number of steps, and the gradient is wrong.",
    switch=("a loop of a known length", "a while loop that stops when the state has grown to 1"),
    setup=setup,
    run=run,
    predicts={"weights": Kind.WRONG},
    breaks={},
    verdict="refuted",
    why=(
        "The backward pass goes through the steps that were recorded. The gradient is that of the number of steps "
        "that ran. It does not say that a slightly larger weight might need one step fewer: the number of steps is an "
        "integer and has no derivative."
    ),
    doubted="The gradient of a `while` loop is right for the steps that ran, even if the weights decide how many steps there are.",
    hint="Nothing is broken here. Change the knob until the number of steps changes, and watch the loss jump.",
    knobs={"start": (0.05, 0.9), "units": (1, 6)},
    rate=0.01,
)
