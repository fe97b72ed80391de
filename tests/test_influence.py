"""The T x T map against one gradient for every entry of every state."""

import numpy as np
import pytest
import tensorflow as tf

from gradlab.influence import GATES, influence, tuned_cell
from gradlab.panel.influence import InfluencePanel


@pytest.mark.parametrize("kind", GATES)
def test_the_map_is_that_of_the_plain_gradients(kind):
    cell, steps = tuned_cell(kind, 3, 2, 1.2, 0.5), 4
    x = tf.constant(np.random.default_rng(1).standard_normal((1, steps, 2)), tf.float32)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        state = [tf.zeros((1, 3))] * (2 if kind == "LSTM" else 1)
        entries = []
        for t in range(steps):
            h, state = cell(x[:, t], state)
            state = tf.nest.flatten(state)
            entries.append(tf.unstack(h[0]))
    plain = np.zeros((steps, steps))
    for t in range(steps):
        rows = np.stack([np.asarray(tape.gradient(entry, x))[0] for entry in entries[t]])
        plain[t] = np.linalg.norm(rows, axis=(0, 2))
    np.testing.assert_allclose(influence(cell, np.asarray(x)[0]), plain, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("kind", GATES)
def test_every_recurrent_matrix_has_the_radius(kind):
    cell = tuned_cell(kind, 5, 2, 0.7, 1.0)
    for block in np.split(np.asarray(cell.recurrent_kernel), GATES[kind], axis=1):
        assert np.abs(np.linalg.eigvals(block)).max() == pytest.approx(0.7, rel=1e-4)


def test_an_unknown_cell_is_refused():
    with pytest.raises(LookupError, match="SimpleRNN, GRU, LSTM"):
        tuned_cell("Elman", 3, 2, 1.0, 1.0)


def test_the_knobs_make_it_vanish_and_remember():
    panel = InfluencePanel(steps=12, radius=0.3, forget_bias=4.0)
    before, after = ({r.name[:3]: r.values for r in side.readings} for side in panel.sides)
    first_to_last = (-1, 0)
    assert after["Sim"][first_to_last] < 1e-3 * before["Sim"][first_to_last]
    assert after["LST"][first_to_last] > 2 * before["LST"][first_to_last]
    assert not np.triu(after["GRU"], 1).any()
    panel.turn(forget_bias=-4.0)
    assert panel.sides[1].readings[2].values[first_to_last] < 1e-3 * after["LST"][first_to_last]
    with pytest.raises(LookupError, match="radius"):
        panel.turn(radios=1.0)
