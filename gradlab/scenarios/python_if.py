"""A Python `if` inside the tape: the branch that ran is the branch that is differentiated."""

import tensorflow as tf

from gradlab.lab.reading import Kind
from gradlab.lab.scenario import Scenario


def setup(start: float = 2.0):
    return {"x": tf.Variable(start, name="x"), "limit": tf.constant(1.0)}


def run(bug, x, limit):
    sources = {"x": x}
    with tf.GradientTape() as tape:
        if bug:  # <-- the switch
            if x > limit:
                y = x * x
            else:
                y = x + 1
        else:
            y = tf.cond(x > limit, lambda: x * x, lambda: x + 1)
        loss = y + x
    return loss, sources, tape.gradient(loss, sources)


scenario = Scenario(
    title="Choose a branch with a Python if",
    claims=("T2",),
    claim="A Python if inside the tape gives a wrong gradient, because the other branch may be taken in the backward pass.",
    switch=("choose the branch with tf.cond", "choose the branch with a Python if"),
    setup=setup,
    run=run,
    predicts={"x": Kind.WRONG},
    breaks={},
    verdict="refuted",
    why=(
        "When you ask for the gradient, the `if` is over. The tape holds the operations of the branch that ran, and "
        "only those. Nothing is decided a second time. With x above the limit the slope is 2x + 1, below it is 2."
    ),
    doubted="Inside the tape, a Python `if` gives the same gradients as `tf.cond`.",
    hint="Nothing is broken here. Work out the slope of each branch by hand and compare.",
    knobs={"start": (0.5, 3.0)},
    rate=0.05,
)
