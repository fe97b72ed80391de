"""Gradients without a tape: `tf.gradients` inside a `tf.function`."""

import tensorflow as tf

from gradlab.lab.reading import Kind
from gradlab.lab.scenario import Scenario


def setup(steps: int = 4, units: int = 3):
    tf.keras.utils.set_random_seed(0)
    weights = tf.Variable(tf.random.normal((units, units), stddev=0.5), name="weights")
    bias = tf.Variable(tf.zeros((units,)), name="bias")
    x = tf.random.normal((steps, 1, units))

    def forward():
        h = tf.zeros((1, units))
        for t in range(steps):
            h = tf.tanh(x[t] + h @ weights + bias)
        return tf.reduce_mean((h - 1) ** 2)

    @tf.function
    def in_graph():
        loss = forward()
        return loss, tf.gradients(loss, [weights, bias])

    return {"weights": weights, "bias": bias, "forward": forward, "in_graph": in_graph}


def run(bug, weights, bias, forward, in_graph):
    sources = {"weights": weights, "bias": bias}
    if bug:  # <-- the switch
        loss, found = in_graph()
        return loss, sources, dict(zip(sources, found, strict=True))
    with tf.GradientTape() as tape:
        loss = forward()
    return loss, sources, tape.gradient(loss, sources)


scenario = Scenario(
    title="Take gradients in a graph, without a tape",
    claims=("T4",),
    claim="tf.gradients inside a tf.function does without the tape and gives the same gradients.",
    switch=("tf.GradientTape", "tf.gradients inside a tf.function"),
    setup=setup,
    run=run,
    predicts={"weights": Kind.OK, "bias": Kind.OK},
    breaks={},
    verdict="confirmed",
    why=(
        "Both go backwards over the same operations with the same rules. One takes them from the record of the tape, "
        "the other from the graph. So where a path ends for one, it ends for the other."
    ),
    hint="Nothing is broken here. Try what happens to tf.gradients outside a tf.function.",
    knobs={"steps": (1, 8), "units": (1, 8)},
)
