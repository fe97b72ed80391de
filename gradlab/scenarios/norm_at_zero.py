"""The length of a vector has a corner at zero, and its gradient there is NaN."""

import tensorflow as tf

from gradlab.lab.reading import Kind
from gradlab.lab.scenario import Repair, Scenario


def setup(distance: float = 0.0, units: int = 4):
    tf.keras.utils.set_random_seed(0)
    cell = tf.keras.layers.SimpleRNNCell(units)
    cell.build((3, 3))
    first = tf.random.normal((3, 3))
    apart = tf.constant([[distance], [0.5], [1.0]])  # the first pair of inputs is equal
    return {"cell": cell, "first": first, "second": first + apart}


def run(bug, cell, first, second):
    sources = {"kernel": cell.kernel, "bias": cell.bias}
    with tf.GradientTape() as tape:
        start = tf.zeros((3, cell.units))
        gap = cell(first, [start])[0] - cell(second, [start])[0]
        if bug:  # <-- the switch
            apart = tf.norm(gap, axis=-1)
        else:
            apart = tf.sqrt(tf.reduce_sum(gap**2, axis=-1) + 1e-6)
        loss = tf.reduce_mean((apart - 1) ** 2)  # the two states of a pair should be 1 apart
    return loss, sources, tape.gradient(loss, sources)


scenario = Scenario(
    title="Measure a distance of zero",
    claims=("M4",),
    claim="A pair of equal states adds nothing to the gradient; the rest of the batch trains on.",
    switch=("a distance with a small number under the root", "tf.norm"),
    setup=setup,
    run=run,
    predicts={"kernel": Kind.OK, "bias": Kind.OK},
    breaks={"kernel": Kind.NOT_FINITE, "bias": Kind.NOT_FINITE},
    verdict="refuted",
    why=(
        "A length is a square root, and the slope of the square root is infinite at 0. Infinity times the zero that "
        "comes after it is NaN. With a small number under the root, the slope at zero is zero. One pair of equal "
        "states is enough to make every weight NaN at the next step."
    ),
    repair=Repair(rtol=0.01),
    hint="Which function of the code has an infinite slope at 0?",
    knobs={"distance": (0.0, 1.0), "units": (1, 12)},
)
