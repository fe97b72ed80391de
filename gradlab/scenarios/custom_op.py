"""An operation wrapped in `tf.function` or `tf.py_function` keeps its gradient while TensorFlow is inside."""

import tensorflow as tf

from gradlab.lab.reading import Kind
from gradlab.lab.scenario import Scenario


def setup(through: str = "tf.function", units: int = 4):
    tf.keras.utils.set_random_seed(0)

    def squash(v):
        return v / (1 + tf.abs(v))

    wrapped = {"tf.function": tf.function(squash), "tf.py_function": lambda v: tf.py_function(squash, [v], v.dtype)}
    weights = tf.Variable(tf.random.normal((3, units)), name="weights")
    return {"weights": weights, "x": tf.random.normal((2, 3)), "squash": squash, "wrapped": wrapped[through]}


def run(bug, weights, x, squash, wrapped):
    sources = {"weights": weights}
    op = wrapped if bug else squash  # <-- the switch
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((op(x @ weights) - 1) ** 2)
    return loss, sources, tape.gradient(loss, sources)


scenario = Scenario(
    title="Wrap an operation of your own",
    claims=("T3",),
    claim="A custom operation in a tf.function (or behind a Python call) may give an inaccurate gradient.",
    switch=("call the operation directly", "call it through a wrapper"),
    setup=setup,
    run=run,
    predicts={"weights": Kind.WRONG},
    breaks={},
    verdict="refuted",
    why=(
        "What matters is what is inside. Both wrappers run operations of TensorFlow: `tf.function` traces them into a "
        "graph whose gradient is computed by the same rules, and `tf.py_function` keeps a tape of its own while "
        "Python runs."
    ),
    hint="Nothing is broken here. Which operation inside the wrapper would break it?",
    knobs={"through": ("tf.function", "tf.py_function"), "units": (1, 12)},
)
