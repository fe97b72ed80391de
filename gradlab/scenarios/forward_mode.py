"""Forward mode: `ForwardAccumulator` carries a derivative along with the computation, one direction at a time."""

import tensorflow as tf

from gradlab.lab.reading import Kind
from gradlab.lab.scenario import Scenario


def setup(steps: int = 4, units: int = 3):
    tf.keras.utils.set_random_seed(0)
    bias = tf.Variable(tf.random.normal((units,), stddev=0.1), name="bias")
    weights = tf.random.normal((units, units), stddev=0.5)
    return {"bias": bias, "weights": weights, "x": tf.random.normal((steps, 1, units))}


def run(bug, bias, weights, x):
    sources = {"bias": bias}

    def forward():
        h = tf.zeros_like(x[0])
        for t in range(len(x)):
            h = tf.tanh(x[t] + h @ weights + bias)
        return tf.reduce_mean((h - 1) ** 2)

    if bug:  # <-- the switch
        slopes = []
        for direction in tf.unstack(tf.eye(bias.shape[0])):
            with tf.autodiff.ForwardAccumulator(bias, direction) as accumulator:
                loss = forward()
            slopes.append(accumulator.jvp(loss))
        return loss, sources, {"bias": tf.stack(slopes)}
    with tf.GradientTape() as tape:
        loss = forward()
    return loss, sources, tape.gradient(loss, sources)


scenario = Scenario(
    title="Go forward instead of backward",
    claims=("T4",),
    claim="Another kind of automatic differentiation, such as forward mode, gives the same gradients without a tape.",
    switch=("tf.GradientTape, once", "ForwardAccumulator, once for every entry of the bias"),
    setup=setup,
    run=run,
    predicts={"bias": Kind.OK},
    breaks={},
    verdict="confirmed",
    why=(
        "Forward mode asks how the loss changes when the source moves along one direction, while the loss is computed. One pass "
        "answers for one direction, so a weight with many entries needs many passes; the tape answers for all in one."
    ),
    hint="Nothing is broken here. Count how often `forward` runs for a bias of n entries.",
    knobs={"steps": (1, 6), "units": (1, 6)},
)
