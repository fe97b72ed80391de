"""`tape.gradient` of a state adds up its units; the Jacobian keeps them apart."""

import numpy as np
import tensorflow as tf

from gradlab.lab.reading import Kind
from gradlab.lab.scenario import Repair, Scenario


def setup(steps: int = 4, units: int = 3):
    tf.keras.utils.set_random_seed(0)
    cell = tf.keras.layers.SimpleRNNCell(units)
    cell.build((1, 2))
    return {"cell": cell, "x": tf.random.normal((1, steps, 2))}


def run(bug, cell, x):
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        h, states = tf.zeros((1, cell.units)), []
        for t in range(x.shape[1]):
            h, _ = cell(x[:, t], [h])
            states.append(h)
    per_step = []
    for t, h in enumerate(states):
        if bug:  # <-- the switch
            per_step.append(tape.gradient(h, x)[:, t])
        else:
            per_step.append(tape.batch_jacobian(h, x, experimental_use_pfor=False)[:, :, t])
    name = "d h_t / d x_t"
    return tf.stack(states, axis=1), {name: x}, {name: tf.stack(per_step, axis=1)}


def by_hand(differences, cell, x):
    def states(v):
        h, found = tf.zeros((v.shape[0], cell.units)), []
        for t in range(v.shape[1]):
            h, _ = cell(v[:, t], [h])
            found.append(h)
        return tf.stack(found, axis=1)

    full = differences(states, x, batch=True)  # (1, time, units, 1, time, inputs)
    return {"d h_t / d x_t": np.stack([full[:, t, :, 0, t] for t in range(x.shape[1])], axis=1)}


scenario = Scenario(
    title="Take a gradient of every state, and stack",
    claims=("J1",),
    claim="Stacking tape.gradient(h_t, x)[:, t] over time gives d h_t / d x_t, of shape (batch, time, units, inputs).",
    switch=("tape.batch_jacobian of each state", "tape.gradient of each state"),
    setup=setup,
    run=run,
    by_hand=by_hand,
    predicts={"d h_t / d x_t": Kind.OK},
    breaks={"d h_t / d x_t": Kind.WRONG},
    verdict="refuted",
    why=(
        "A gradient is taken of one number. Asked for the gradient of a vector, the tape takes that of the sum of its "
        "entries: one row for all units together. The units can't be told apart any more. The Jacobian has a row for "
        "each."
    ),
    repair=Repair(
        forbidden={"a Jacobian of the tape": "this exercise asks for gradients, not for the tape's Jacobian"}
    ),
    hint="Compare the two shapes. Which axis has gone?",
    knobs={"steps": (1, 6), "units": (1, 6)},
    axes={"d h_t / d x_t": ("batch", "time", "unit", "input")},
)
