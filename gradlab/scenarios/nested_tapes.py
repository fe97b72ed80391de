"""A gradient of a gradient: two tapes, one inside the other."""

import tensorflow as tf

from gradlab.lab.reading import Kind
from gradlab.lab.scenario import Scenario


def setup(units: int = 4):
    tf.keras.utils.set_random_seed(0)
    weights = tf.Variable(tf.random.normal((3, units), stddev=0.5), name="weights")
    return {"weights": weights, "x": tf.random.normal((2, 3))}


def run(bug, weights, x):
    sources = {"weights": weights}
    with tf.GradientTape() as outer:
        if bug:  # <-- the switch
            with tf.GradientTape() as inner:
                inner.watch(x)
                y = tf.reduce_sum(tf.tanh(x @ weights))
            slope = inner.gradient(y, x)
        else:
            slope = (1 - tf.tanh(x @ weights) ** 2) @ tf.transpose(weights)  # worked out by hand
        loss = tf.reduce_mean(slope**2)  # a penalty on steep functions
    return loss, sources, outer.gradient(loss, sources)


scenario = Scenario(
    title="Take the gradient of a gradient",
    claims=("T4",),
    claim="For a gradient of a gradient, nest one tape in another.",
    switch=("the inner gradient worked out by hand", "the inner gradient from a second tape, inside the first"),
    setup=setup,
    run=run,
    predicts={"weights": Kind.OK},
    breaks={},
    verdict="confirmed",
    why=(
        "Asking a tape for a gradient is a computation like any other, made of operations that another tape can record, "
        "if that other tape is still open. So the inner question must be asked inside the outer `with`."
    ),
    hint="Which `with` must still be open when the inner gradient is asked for?",
    knobs={"units": (1, 12)},
)
