"""`tf.numpy_function` puts NumPy into the program: its result has no gradient."""

import numpy as np
import tensorflow as tf

from gradlab.lab.reading import Kind
from gradlab.lab.scenario import Scenario


def setup(units: int = 4):
    tf.keras.utils.set_random_seed(0)
    weights = tf.Variable(tf.random.normal((3, units)), name="weights")
    return {"weights": weights, "x": tf.random.normal((2, 3))}


def run(bug, weights, x):
    sources = {"weights": weights}
    with tf.GradientTape() as tape:
        y = x @ weights
        if bug:  # <-- the switch
            y = tf.numpy_function(np.tanh, [y], tf.float32)
        else:
            y = tf.tanh(y)
        loss = tf.reduce_mean((y - 1) ** 2)
    return loss, sources, tape.gradient(loss, sources)


scenario = Scenario(
    title="Call NumPy through tf.numpy_function",
    claims=("T3",),
    claim="An operation that calls code outside TensorFlow breaks the gradient.",
    switch=("tf.tanh", "np.tanh inside tf.numpy_function"),
    setup=setup,
    run=run,
    predicts={"weights": Kind.NONE},
    breaks={"weights": Kind.NONE},
    verdict="confirmed",
    why=(
        "`tf.numpy_function` gives an array to Python and takes an array back. TensorFlow can't see what happened in "
        "between and has no derivative for it, so the path ends there."
    ),
    hint="Which line gives its values to a library that knows no gradients?",
    knobs={"units": (1, 12)},
)
