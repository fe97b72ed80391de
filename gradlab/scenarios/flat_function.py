"""A clip that is at its end, or a sign: the gradient is there, and it is exactly zero."""

import tensorflow as tf

from gradlab.lab.reading import Kind
from gradlab.lab.scenario import Repair, Scenario


def setup(op: str = "clip", steps: int = 6, units: int = 4):
    tf.keras.utils.set_random_seed(0)
    cell = tf.keras.layers.SimpleRNNCell(units)
    cell.build((1, 3))
    flat = {"clip": lambda v: tf.clip_by_value(v, 20.0, 30.0), "sign": tf.sign}[op]
    return {"cell": cell, "x": tf.random.normal((1, steps, 3)), "flat": flat}


def run(bug, cell, x, flat):
    sources = {"kernel": cell.kernel, "recurrent_kernel": cell.recurrent_kernel, "bias": cell.bias}
    with tf.GradientTape() as tape:
        h = tf.zeros((1, cell.units))
        for t in range(x.shape[1]):
            h, _ = cell(x[:, t], [h])
        level = 10 * h
        if bug:  # <-- the switch
            level = flat(level)
        loss = tf.reduce_mean((level - 5) ** 2)
    return loss, sources, tape.gradient(loss, sources)


scenario = Scenario(
    title="Clip a value beyond its range, or take its sign",
    claims=("C1",),
    claim="A clip or a sign detaches what comes before it, as a cast to an integer does.",
    switch=("use the level as it is", "clip it to 20 … 30, or take its sign"),
    setup=setup,
    run=run,
    predicts={"kernel": Kind.NONE, "recurrent_kernel": Kind.NONE, "bias": Kind.NONE},
    breaks={"kernel": Kind.ZERO, "recurrent_kernel": Kind.ZERO, "bias": Kind.ZERO},
    verdict="refuted",
    why=(
        "There is a path: TensorFlow knows the derivative of a clip and of a sign. It is zero wherever the function "
        "is flat, and everything before it is multiplied by that zero. A level of -10 to 10 is never in the range 20 "
        "to 30."
    ),
    repair=Repair(loss="like"),
    hint="Print the level before and after the clip. Which entries of the result change when the level changes?",
    knobs={"op": ("clip", "sign"), "steps": (1, 12), "units": (1, 12)},
    rate=0.003,
)
