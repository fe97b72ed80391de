"""How much each input of a sequence moves each later state: the T x T map of the norms |d h_t / d x_s|.

- `influence`: the map of one cell over one sequence.
- `tuned_cell`: a SimpleRNN, GRU or LSTM cell whose recurrent weights have a given spectral radius.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

GATES = {"SimpleRNN": 1, "GRU": 3, "LSTM": 4}  # square blocks side by side in the recurrent kernel


def influence(cell: Any, x: np.ndarray) -> np.ndarray:
    """The Frobenius norms of d h_t / d x_s, shape (T, T), row t, column s; exactly zero for s > t.

    cell: a built Keras RNN cell whose first state is its output; x: one sequence (T, inputs). The Jacobians of all
    single steps are taken at once by TensorFlow's tape, one row a state entry, and multiplied along time in float64.
    """
    steps, sizes = len(x), [int(n) for n in tf.nest.flatten(cell.state_size)]
    before, state = [], np.zeros((1, sum(sizes)), "float32")
    for row in x[:, None].astype("float32"):
        before.append(state)
        state = np.asarray(_step(cell, row, state, sizes))
    inputs, states = tf.constant(x, tf.float32), tf.constant(np.concatenate(before))
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([inputs, states])
        columns = tf.unstack(_step(cell, inputs, states, sizes), axis=1)
    # Row t of each sum depends on row t of the inputs alone, so one gradient of the sum holds all steps.
    rows = [tape.gradient(column, [states, inputs]) for column in columns]
    by_state, by_input = (np.stack([np.asarray(r[i], "float64") for r in rows], axis=1) for i in (0, 1))
    norms = np.zeros((steps, steps))
    for s in range(steps):
        product = by_input[s]
        norms[s, s] = np.linalg.norm(product[: sizes[0]])
        for t in range(s + 1, steps):
            product = by_state[t] @ product
            norms[t, s] = np.linalg.norm(product[: sizes[0]])
    return norms


def tuned_cell(kind: str, units: int, inputs: int, radius: float, forget_bias: float) -> Any:
    """A seeded cell. Every gate's recurrent matrix is scaled to the spectral radius, its largest |eigenvalue|.

    kind: "SimpleRNN", "GRU" or "LSTM"; `forget_bias` is the LSTM's only. Raises LookupError for another kind.
    """
    if kind not in GATES:
        raise LookupError(f"There is no cell `{kind}` here. There are: {', '.join(GATES)}.")
    tf.keras.utils.set_random_seed(0)
    cell = getattr(tf.keras.layers, kind + "Cell")(units)
    cell.build((1, inputs))
    blocks = np.split(np.asarray(cell.recurrent_kernel), GATES[kind], axis=1)
    blocks = [radius * block / np.abs(np.linalg.eigvals(block)).max() for block in blocks]
    cell.recurrent_kernel.assign(np.concatenate(blocks, axis=1))
    if kind == "LSTM":
        cell.bias.assign(np.repeat([0.0, forget_bias, 0.0, 0.0], units))
    return cell


def _step(cell: Any, x: Any, state: Any, sizes: list[int]) -> Any:
    return tf.concat(tf.nest.flatten(cell(x, tf.split(state, sizes, axis=1))[1]), axis=1)
