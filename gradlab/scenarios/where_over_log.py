"""`tf.where` does not protect the gradient from the branch that was not taken."""

import tensorflow as tf

from gradlab.lab.reading import Kind
from gradlab.lab.scenario import Scenario


def setup(padding: int = 1, steps: int = 5):
    tf.keras.utils.set_random_seed(0)
    weights = tf.Variable(tf.random.normal((3, 1)), name="weights")
    real = tf.cast(tf.range(steps) < steps - padding, tf.float32)[:, tf.newaxis]
    return {"weights": weights, "x": tf.random.normal((steps, 3)), "real": real}


def run(bug, weights, x, real):
    sources = {"weights": weights}
    with tf.GradientTape() as tape:
        p = tf.sigmoid(x @ weights) * real  # padded steps have probability 0
        if bug:  # <-- the switch
            terms = tf.where(p > 0, tf.math.log(p), 0.0)
        else:
            safe = tf.where(p > 0, p, 1.0)
            terms = tf.where(p > 0, tf.math.log(safe), 0.0)
        loss = -tf.reduce_mean(terms)
    return loss, sources, tape.gradient(loss, sources)


scenario = Scenario(
    title="Guard a logarithm with tf.where",
    claims=("T2",),
    claim="tf.where chooses a branch, so what the other branch would have given can do no harm.",
    switch=("make the argument of the logarithm safe first", "choose after the logarithm"),
    setup=setup,
    run=run,
    predicts={"weights": Kind.OK},
    breaks={"weights": Kind.NOT_FINITE},
    verdict="refuted",
    why=(
        "`tf.where` is no `if`: both sides are computed, for every entry, and both are differentiated. The side that "
        "was not chosen gets a gradient of zero, and zero times the infinite slope of log at 0 is NaN. The loss is "
        "the right one. One padded step is enough to make the gradient of every weight NaN."
    ),
    hint="What is tf.math.log given at the step where p is 0, whichever side is chosen afterwards?",
    knobs={"padding": (0, 4), "steps": (5, 12)},
)
