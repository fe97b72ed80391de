"""Casting to an integer and back cuts the path from the weights to the loss."""

import tensorflow as tf

from gradlab.lab.reading import Kind
from gradlab.lab.scenario import Repair, Scenario


def setup(steps: int = 6, units: int = 4):
    tf.keras.utils.set_random_seed(0)
    cell = tf.keras.layers.SimpleRNNCell(units)
    cell.build((1, 3))
    return {"cell": cell, "x": tf.random.normal((1, steps, 3))}


def run(bug, cell, x):
    sources = {"kernel": cell.kernel, "recurrent_kernel": cell.recurrent_kernel, "bias": cell.bias}
    with tf.GradientTape() as tape:
        h = tf.zeros((1, cell.units))
        for t in range(x.shape[1]):
            h, _ = cell(x[:, t], [h])
        level = 10 * h
        if bug:  # <-- the switch
            level = tf.cast(tf.cast(level, tf.int32), tf.float32)
        loss = tf.reduce_mean((level - 5) ** 2)
    return loss, sources, tape.gradient(loss, sources)


ALL_NONE = {"kernel": Kind.NONE, "recurrent_kernel": Kind.NONE, "bias": Kind.NONE}

scenario = Scenario(
    title="Cast a value to an integer and back",
    claims=("C1",),
    claim="Casting to an integer type inside the tape detaches everything before it.",
    switch=("keep the value a float", "cast it to int32 and back"),
    setup=setup,
    run=run,
    predicts=ALL_NONE,
    breaks=ALL_NONE,
    verdict="confirmed",
    why=(
        "An integer has no neighbours at a small distance, so a cast to an integer type has no derivative. TensorFlow's gradient "
        "function for the cast returns None for an integer type: the path ends at the cast. Casting back makes a new float."
    ),
    repair=Repair(loss="like"),
    hint=(
        "Follow the loss backwards. Which line makes integers, or gives the same result when the level moves a little? If "
        "`tf.stop_gradient` is in your code: the level itself has to stand outside of it."
    ),
    knobs={"steps": (1, 12), "units": (1, 12)},
    rate=0.003,
)
