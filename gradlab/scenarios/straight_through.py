"""The straight-through estimator: round on the way forward, pretend on the way back."""

import tensorflow as tf

from gradlab.lab.reading import Kind
from gradlab.lab.scenario import Repair, Scenario


@tf.custom_gradient
def straight_through(v):
    return tf.cast(tf.cast(v, tf.int32), v.dtype), lambda upstream: upstream


def plain(v):
    return tf.cast(tf.cast(v, tf.int32), v.dtype)


def setup(backward: str = "as if not cast", steps: int = 6, units: int = 4):
    tf.keras.utils.set_random_seed(0)
    cell = tf.keras.layers.SimpleRNNCell(units)
    cell.build((1, 3))
    to_whole = {"as if not cast": straight_through, "as TensorFlow does": plain}[backward]
    wanted = tf.random.normal((1, units))
    return {"cell": cell, "x": tf.random.normal((1, steps, 3)), "wanted": wanted, "to_whole": to_whole}


def run(bug, cell, x, wanted, to_whole):
    sources = {"kernel": cell.kernel, "recurrent_kernel": cell.recurrent_kernel, "bias": cell.bias}
    with tf.GradientTape() as tape:
        h = tf.zeros((1, cell.units))
        for t in range(x.shape[1]):
            h, _ = cell(x[:, t], [h])
        level = 10 * h
        if bug:  # <-- the switch
            level = to_whole(level)
        loss = -tf.reduce_mean(level * wanted)  # small where levels have the signs of `wanted`
    return loss, sources, tape.gradient(loss, sources)


scenario = Scenario(
    title="Cast to an integer with a gradient of your own",
    claims=("T4", "C1"),
    claim="A custom gradient is a way out where TensorFlow's own is None, as for a cast to an integer.",
    switch=("keep the level a float", "cast it to int32 and back, with the gradient that the knob names"),
    setup=setup,
    run=run,
    predicts={"kernel": Kind.OK, "recurrent_kernel": Kind.OK, "bias": Kind.OK},
    breaks={},
    verdict="confirmed",
    why=(
        "`tf.custom_gradient` takes a function that returns its result and a second function for the backward pass. "
        "Here the second function passes the gradient on as if the cast had not been there. That is not the "
        "derivative of a staircase (which is zero). It is a useful replacement, the straight-through estimator."
    ),
    repair=Repair(loss="kept"),
    hint="The function under @tf.custom_gradient returns two things. What does the second return?",
    knobs={"backward": ("as if not cast", "as TensorFlow does"), "steps": (1, 12), "units": (1, 12)},
    rate=0.01,
)
