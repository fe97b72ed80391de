"""A ReLU whose input is negative for every example: dead, and it stays dead."""

import tensorflow as tf

from gradlab.lab.reading import Kind
from gradlab.lab.scenario import Scenario


def setup(offset: float = -6.0, units: int = 4):
    tf.keras.utils.set_random_seed(0)
    kernel = tf.Variable(tf.random.normal((3, units), stddev=0.5), name="kernel")
    bias = tf.Variable(offset * tf.ones((units,)), name="bias")
    return {"kernel": kernel, "bias": bias, "x": tf.random.normal((8, 3))}


def run(bug, kernel, bias, x):
    sources = {"kernel": kernel, "bias": bias}
    activation = tf.nn.relu if bug else tf.nn.leaky_relu  # <-- the switch
    with tf.GradientTape() as tape:
        y = activation(x @ kernel + bias)
        loss = tf.reduce_mean((y - 1) ** 2)
    return loss, sources, tape.gradient(loss, sources)


scenario = Scenario(
    title="Push a ReLU below zero for good",
    claims=("M3",),
    claim="A unit that has gone dead recovers: its bias still gets a gradient that pulls it back.",
    switch=("leaky ReLU", "ReLU"),
    setup=setup,
    run=run,
    predicts={"kernel": Kind.OK, "bias": Kind.OK},
    breaks={"kernel": Kind.ZERO, "bias": Kind.ZERO},
    verdict="refuted",
    why=(
        "Below zero a ReLU is flat, so its derivative is exactly zero there. When every example lands below zero, kernel and bias "
        "both get zero, no step changes them, and the next step finds the same. A leaky ReLU keeps a small slope."
    ),
    hint="How many entries of x @ kernel + bias are above zero?",
    knobs={"offset": (-8.0, 2.0), "units": (1, 12)},
)
