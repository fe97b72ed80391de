"""Truncated BPTT across two tapes with a helper function (a second file would look the same)."""

import keras
import tensorflow as tf

CAUSE = "before-tape"
FORM = "tape"
EXPECT = {"x1": "none", "kernel": "ok"}
CUT = "state = advance(cell, x1, state)"


def advance(cell, x, state):
    _, state = cell(x, [state])
    return state[0]


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(1)
    cell = keras.layers.SimpleRNNCell(2)
    x1, x2 = tf.Variable([[1.0, 2.0]]), tf.constant([[0.5, 0.1]])
    cell.build((1, 2))
    state = tf.zeros((1, 2))
    with Tape():
        state = advance(cell, x1, state)
        tf.reduce_sum(state)
    with Tape() as second:
        state = advance(cell, x2, state)
        loss = tf.reduce_sum(state**2)
    gx, gk = second.gradient(loss, [x1, cell.kernel.value])
    return {"x1": gx, "kernel": gk}
