"""Operations that jump: round, floor and argmax have no gradient at all."""

import tensorflow as tf

from gradlab.lab.reading import Kind
from gradlab.lab.scenario import Repair, Scenario


def setup(op: str = "round", steps: int = 6, units: int = 4):
    tf.keras.utils.set_random_seed(0)
    cell = tf.keras.layers.SimpleRNNCell(units)
    cell.build((1, 3))
    jump = {"round": tf.round, "floor": tf.floor, "argmax": lambda v: tf.cast(tf.argmax(v, axis=-1), v.dtype)}[op]
    return {"cell": cell, "x": tf.random.normal((1, steps, 3)), "jump": jump}


def run(bug, cell, x, jump):
    sources = {"kernel": cell.kernel, "recurrent_kernel": cell.recurrent_kernel, "bias": cell.bias}
    with tf.GradientTape() as tape:
        h = tf.zeros((1, cell.units))
        for t in range(x.shape[1]):
            h, _ = cell(x[:, t], [h])
        level = 10 * h
        if bug:  # <-- the switch
            level = jump(level)
        loss = tf.reduce_mean((level - 5) ** 2)
    return loss, sources, tape.gradient(loss, sources)


ALL_NONE = {"kernel": Kind.NONE, "recurrent_kernel": Kind.NONE, "bias": Kind.NONE}

scenario = Scenario(
    title="Round, floor or take the argmax of a value",
    claims=("C1",),
    claim="An operation that jumps from one value to the next detaches like a cast to an integer does.",
    switch=("use the value as it is", "let it jump"),
    setup=setup,
    run=run,
    predicts=ALL_NONE,
    breaks=ALL_NONE,
    verdict="confirmed",
    why=(
        "The result stays the same between two jumps, so its derivative is zero there, and at a jump there is none. "
        "TensorFlow's gradient functions for these operations return None. (For tf.sign it returns zeros.)"
    ),
    repair=Repair(loss="near"),
    hint="Which operation gives the same result for two inputs that differ a little?",
    hints={
        "has to stay": (
            "your loss has to prefer the same whole numbers as the one with `jump(10 * h)`: a staircase of `10 * h` has one "
            "step for each. A straight-through estimator keeps `jump` itself."
        )
    },
    knobs={"op": ("round", "floor", "argmax"), "steps": (1, 12), "units": (2, 12)},
    rate=0.003,
)
