"""The layers of the T x T maps, and the panel that draws them."""

import numpy as np
import pytest
import tensorflow as tf

from gradlab.lab.tunable_rnn import GATES, Tunable, inputs_of_size_one, tuned_layer
from gradlab.panel.influence_panel import UNITS, InfluencePanel


@pytest.mark.parametrize("kind", GATES)
def test_a_map_is_that_of_the_plain_gradients(kind):
    steps = 4
    panel = InfluencePanel(steps=steps, radius=1.2, forget_bias=0.5)
    shown = next(r.values for r in panel.sides[1].readings if r.name.startswith(kind))
    layer = tuned_layer(kind, UNITS, 3, 1.2, 0.5)
    x = tf.constant(inputs_of_size_one(steps, 3), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(x)
        states = layer(x)
    plain = np.linalg.norm(np.asarray(tape.jacobian(states, x))[0, :, :, 0], axis=(1, 3))
    np.testing.assert_allclose(shown, plain, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("kind", GATES)
def test_every_recurrent_matrix_has_the_radius(kind):
    cell = tuned_layer(kind, 5, 2, 0.7, 1.0).cell
    for block in np.split(np.asarray(cell.recurrent_kernel), GATES[kind], axis=1):
        assert np.abs(np.linalg.eigvals(block)).max() == pytest.approx(0.7, rel=1e-4)


@pytest.mark.parametrize("kind", GATES)
def test_the_first_position_has_the_weights_that_keras_makes(kind):
    tf.keras.utils.set_random_seed(0)
    layer = getattr(tf.keras.layers, kind)(5, return_sequences=True)
    layer.build((1, None, 2))
    made = Tunable(kind, 5, 2)
    made.tune(2.0, -3.0)
    for mine, keras in zip(made.own().get_weights(), layer.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, keras)
    assert inputs_of_size_one(2000, 1).std() == pytest.approx(1.0, abs=0.05)


def test_an_unknown_layer_is_refused():
    with pytest.raises(LookupError, match="SimpleRNN, GRU, LSTM"):
        Tunable("Elman", 3, 2)


def test_the_knobs_make_it_vanish_and_remember():
    panel = InfluencePanel(steps=12, radius=0.3, forget_bias=4.0)
    before, after = ({r.name[:3]: r.values for r in side.readings} for side in panel.sides)
    first_to_last = (-1, 0)
    assert after["Sim"][first_to_last] < 1e-3 * before["Sim"][first_to_last]
    assert after["LST"][first_to_last] > 2 * before["LST"][first_to_last]
    assert not np.triu(after["GRU"], 1).any()
    unchanged = panel.sides[0]
    panel.turn(forget_bias=-4.0)
    assert panel.sides[0] is unchanged
    assert panel.sides[1].readings[2].values[first_to_last] < 1e-3 * after["LST"][first_to_last]
    panel.turn(steps=9)
    assert [r.values.shape for side in panel.sides for r in side.readings] == [(9, 9)] * 6
    with pytest.raises(LookupError, match="radius"):
        panel.turn(radios=1.0)
