"""The gradient of the last state does tell the steps apart; what it has lost is the units."""

import tensorflow as tf

from gradlab.lab.reading import Kind
from gradlab.lab.scenario import Scenario


def setup(steps: int = 6, units: int = 3):
    tf.keras.utils.set_random_seed(0)
    cell = tf.keras.layers.SimpleRNNCell(units)
    cell.build((1, 2))
    return {"cell": cell, "x": tf.random.normal((1, steps, 2))}


def run(bug, cell, x):
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        h = tf.zeros((1, cell.units))
        for t in range(x.shape[1]):
            h, _ = cell(x[:, t], [h])
    jacobian = tape.batch_jacobian(h, x, experimental_use_pfor=False)
    by_step = by_unit = tape.gradient(h, x)
    if not bug:  # <-- the switch
        by_step, by_unit = tf.reduce_sum(jacobian, axis=1), jacobian
    names = ("share of each step", "share of each unit")
    return h, dict.fromkeys(names, x), dict(zip(names, (by_step, by_unit)))


def by_hand(differences, cell, x):
    def last(v):
        h = tf.zeros((v.shape[0], cell.units))
        for t in range(v.shape[1]):
            h, _ = cell(v[:, t], [h])
        return h

    each = differences(last, x, batch=True)[:, :, 0]  # (1, units, time, inputs)
    return {"share of each step": each.sum(axis=1), "share of each unit": each}


scenario = Scenario(
    title="Look for each step's share in one gradient",
    claims=("J2",),
    claim="The gradient of the last state reflects the whole sequence at once, not the contribution of each step.",
    switch=("the Jacobian of the last state", "one gradient of the last state"),
    setup=setup,
    run=run,
    by_hand=by_hand,
    predicts={"share of each step": Kind.WRONG, "share of each unit": Kind.WRONG},
    breaks={"share of each unit": Kind.WRONG},
    verdict="half true",
    why=(
        "The gradient has a slice for each step, and each slice is that step's share in the sum of the units. What "
        "can't be read from it is the share in a single unit: that needs the Jacobian."
    ),
    hint="Which of the two arrays has an axis for what you look for?",
    knobs={"steps": (1, 10), "units": (1, 6)},
    axes={"share of each unit": ("batch", "unit", "time", "input")},
)
