"""`.numpy()` inside `tf.py_function` gives a zero, not None: the quietest of all cuts."""

import numpy as np
import tensorflow as tf

from gradlab.lab.reading import Kind
from gradlab.lab.scenario import Scenario


def setup(units: int = 4):
    tf.keras.utils.set_random_seed(0)
    weights = tf.Variable(tf.random.normal((3, units)), name="weights")
    scale = tf.Variable(0.5, name="scale")
    return {"weights": weights, "scale": scale, "x": tf.random.normal((2, 3))}


def run(bug, weights, scale, x):
    sources = {"weights": weights, "scale": scale}

    def positive(v):
        return np.log1p(np.exp(v.numpy())) if bug else tf.math.softplus(v)  # <-- the switch

    with tf.GradientTape() as tape:
        y = tf.py_function(positive, [scale], tf.float32) * tf.tanh(x @ weights)
        loss = tf.reduce_mean((y - 1) ** 2)
    return loss, sources, tape.gradient(loss, sources)


scenario = Scenario(
    title="Call .numpy() inside tf.py_function",
    claims=("T3",),
    claim="A value that leaves TensorFlow shows up as a gradient of None, so you can't miss it.",
    switch=("softplus from TensorFlow inside the Python function", "softplus from NumPy inside the Python function"),
    setup=setup,
    run=run,
    predicts={"scale": Kind.NONE},
    breaks={"scale": Kind.ZERO},
    verdict="refuted",
    why=(
        "`tf.py_function` records the Python code on a tape of its own and asks that tape later. Inside, the path "
        "ends and the answer is None. But the wrapper has to return a tensor, and returns 0.0. There is no warning "
        "and no None. The weight never moves."
    ),
    hint="Look inside the function that tf.py_function calls.",
    knobs={"units": (1, 12)},
)
