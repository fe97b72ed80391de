"""What shows the sentences of the notebooks 00, 04, 05, 06 and 10: steps, states, encoders, and zero beside NaN.

As in `statement_checks`: one function for a sentence or some, and AssertionError where it does not hold here.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from kerases import HERE
from statement_checks import gradient, of_notebook

import gradlab
from gradlab.lab.by_hand import differences


@cache
def measured(name, **knobs):
    """Loss and gradients of a scenario with the switch off and on, run once for all sentences about it.

    Whether a gradient is right is not asked here: `test_scenarios.py` asks finite differences for each of them.
    """
    scenario, found = gradlab.load(name), []
    for bug in (False, True):
        loss, _, gradients = scenario.run(bug, **scenario.setup(**{**scenario.defaults, **knobs}))
        found.append((np.array(loss), {n: None if g is None else np.array(g) for n, g in gradients.items()}))
    return found


def same(a, b):
    return np.allclose(a, b, rtol=1e-4, atol=1e-7)


def an_lstm(units=3, inputs=2, **more):
    tf.keras.utils.set_random_seed(0)
    layer = tf.keras.layers.LSTM(units, **more)
    layer.build((1, None, inputs))
    return layer


# ---- 00


def eight_lines_give_none_three_times():
    from gradlab.scenarios import _eight_lines

    assert _eight_lines.as_it_stands() == [None] * 3
    assert tuple(_eight_lines.films.shape) == (2, 6, 3)
    assert [program() for program in _eight_lines.ANSWERS.values()] == [[None] * 3] * 3


def rounding_is_what_ends_the_path():
    from gradlab.scenarios import _eight_lines

    with tf.GradientTape(persistent=True) as tape:
        rating = 5 * _eight_lines.readout(_eight_lines.lstm(_eight_lines.films))
        guess = tf.round(rating)
        rounded, plain = (tf.reduce_mean((g - _eight_lines.stars) ** 2) for g in (guess, rating))
    assert tape.gradient(rounded, guess) is not None and tape.gradient(rounded, rating) is None
    assert all(g is not None for g in tape.gradient(plain, _eight_lines.lstm.trainable_variables))


def curves_of_reversing():
    """`test_first_page.py` trains them again (weekly)."""
    file = Path(gradlab.__file__).parent / "lab" / "reversing.json"
    ends = {name: curve[-1] for name, curve in json.loads(file.read_text(encoding="utf-8"))["curves"].items()}
    assert round(100 * ends["encoder before the tape"]) == 58
    assert ends["encoder inside the tape"] >= 0.95 and ends["decoder ignores the encoder"] < 0.01


def half_of_the_weights_are_the_encoders():
    encoder, decoder, readout = an_lstm(64, 10), an_lstm(64, 11), tf.keras.layers.Dense(10)
    readout.build((None, 64))
    share = encoder.count_params() / sum(layer.count_params() for layer in (encoder, decoder, readout))
    assert 0.45 < share < 0.55


def the_early_encoder_gets_no_gradient_and_nothing_is_raised():
    (off, _), (on, gradients) = measured("encoder_before_tape")
    assert [n for n, g in gradients.items() if g is None] == [n for n in gradients if n.startswith("encoder")]
    assert off == on


# ---- 04


def shape_of_a_jacobian():
    x = tf.random.normal((1, 5, 2))
    assert gradlab.jacobian(an_lstm(3, 2, return_sequences=True), x).full.shape == (1, 5, 3, 5, 2)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.reshape(x, (-1,))[:4]
    assert tape.jacobian(y, x).shape == (4, 1, 5, 2)


def gradient_of_a_vector_is_that_of_its_sum():
    matrix = tf.constant(np.random.default_rng(0).normal(size=(3, 4)))
    v = tf.Variable(np.array([0.3, -0.8, 0.1]))
    with tf.GradientTape(persistent=True) as tape:
        y = tf.tanh(tf.linalg.matvec(matrix, v, transpose_a=True))
        total = tf.reduce_sum(y)
    rows = tape.jacobian(y, v)
    assert rows.shape == (4, 3)
    for found in (tape.gradient(y, v), tape.gradient(total, v)):
        np.testing.assert_allclose(found, tf.reduce_sum(rows, axis=0), rtol=1e-12)


def a_small_jacobian():
    x = tf.Variable(3.0)
    with tf.GradientTape() as tape:
        y = tf.stack([2 * x, x**2])
    assert tape.jacobian(y, x).numpy().tolist() == [2.0, 6.0]


def one_unit_is_its_own_sum():
    (_, off), (_, on) = measured("timestep_jacobian", units=1)
    assert same(*(np.ravel(side["d h_t / d x_t"]) for side in (off, on)))


def persistent_tape_is_asked_again():
    with tf.GradientTape(persistent=True) as tape:
        x = tf.constant([1.0, 2.0])
        tape.watch(x)
        first, second = x[0] ** 2, x[1] ** 2
    assert np.array_equal(tape.gradient(first, x), [2.0, 0.0])
    assert np.array_equal(tape.gradient(second, x), [0.0, 4.0])


def slices_over_time_are_the_shares():
    layer, x = an_lstm(), tf.random.stateless_normal((1, 5, 2), seed=(0, 0))
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        last = layer(x)
    rows = tape.gradient(last, x)[0]
    shares = tf.reduce_sum(tape.jacobian(last, x, experimental_use_pfor=False)[0, :, 0], axis=0)
    assert rows.shape == (5, 2) and same(rows, shares)


def early_shares_are_smaller():
    (_, off), _ = measured("summed_over_units")
    share = np.abs(off["share of each step"][0]).sum(axis=-1)
    half = len(share) // 2
    assert share[:half].max() < share[half + 1 :].min() and share.argmax() == len(share) - 1


def central_differences_need_no_tape():
    matrix = np.random.default_rng(0).normal(size=(3, 4))
    point = tf.Variable([0.1, -0.4, 0.7], dtype=tf.float64)
    found = differences(lambda v: np.tanh(v.numpy() @ matrix), point.numpy())
    with tf.GradientTape() as tape:
        y = tf.tanh(tf.linalg.matvec(tf.constant(matrix), point, transpose_a=True))
    np.testing.assert_allclose(found, tape.jacobian(y, point), atol=1e-3)


# ---- 05


def an_lstm_carries_two_states():
    x = tf.random.normal((1, 4, 2))
    output, h, c = an_lstm(return_state=True)(x)
    assert np.array_equal(output, h) and not np.allclose(h, c)


def every_open_tape_watches_a_variable():
    w = tf.Variable(3.0)
    with tf.GradientTape() as one, tf.GradientTape() as two:
        loss = w * w
    assert float(one.gradient(loss, w)) == float(two.gradient(loss, w)) == 6.0


def operations_inside_an_lstm_are_recorded():
    (_, off), (_, on) = measured("watched_state")
    assert all(np.array_equal(off[name], on[name]) for name in ("kernel", "recurrent_kernel", "bias"))
    (_, own_loop), (_, in_the_layer) = measured("state_inside_layer")
    assert all(same(g, in_the_layer[name]) for name, g in own_loop.items())


def watching_adds_the_gradient_of_the_tensor():
    (_, off), (_, on) = measured("watched_state")
    assert all(off[name].any() and on[name] is None for name in ("h", "c"))


def the_share_of_the_last_step_is_left():
    (off_loss, off), (on_loss, on) = measured("state_leaves")
    assert off_loss == on_loss
    things = gradlab.load("state_leaves").setup()
    cell, x = things["cell"], things["x"]
    with tf.GradientTape() as tape:
        h = c = tf.zeros((1, cell.units))
        for t in range(x.shape[1]):
            if t == x.shape[1] - 1:
                h, c = tf.stop_gradient(h), tf.stop_gradient(c)
            _, [h, c] = cell(x[:, t], [h, c])
        loss = tf.reduce_mean((h - 1) ** 2)
    names = ("kernel", "recurrent_kernel", "bias")
    for name, found in zip(names, tape.gradient(loss, cell.trainable_variables), strict=True):
        assert same(on[name], found) and on[name].any() and not same(on[name], off[name])


def only_the_last_row_of_x_is_not_zero():
    rows = measured("state_leaves")[1][1]["x"][0].any(axis=1)
    assert rows.tolist() == [False] * (len(rows) - 1) + [True]


def wrong_shows_in_finite_differences():
    scenario, (_, (_, on)) = gradlab.load("state_leaves"), measured("state_leaves")
    things, losses = scenario.setup(), []
    start = np.array(tf.convert_to_tensor(things["cell"].kernel))
    for move in (1e-2, -1e-2):
        things["cell"].kernel.assign(start + move)  # every entry at once
        losses.append(float(scenario.run(True, **things)[0]))
    slope = (losses[0] - losses[1]) / 2e-2
    assert abs(on["kernel"].sum() - slope) > 0.1 * abs(slope)


def the_second_window_alone():
    (off_loss, off), (on_loss, on) = measured("two_tapes")
    assert off_loss == on_loss and on["x1"] is None and same(on["x2"], off["x2"])
    assert not same(on["kernel"], off["kernel"])


def stop_gradient_passes_the_value():
    assert float(tf.stop_gradient(tf.constant(3.0))) == 3.0
    assert gradient(tf.stop_gradient, 3.0) is None
    assert float(gradient(lambda v: v * tf.stop_gradient(v), 3.0)) == 3.0


# ---- 06


def two_states_are_needed():
    read = tf.keras.Input((None, 3))
    encoder, decoder = tf.keras.layers.LSTM(4, return_state=True), tf.keras.layers.LSTM(4)
    encoded, h, c = encoder(read)
    good = tf.keras.Model(read, decoder(read, initial_state=[h, c]))
    assert good(tf.ones((1, 2, 3))).shape == (1, 4)
    if HERE == 2:
        with pytest.raises(ValueError, match="state"):
            decoder(read, initial_state=[encoded])
        return
    built = tf.keras.Model(read, decoder(read, initial_state=[encoded]))
    with pytest.raises(IndexError) as caught:
        built(tf.ones((1, 2, 3)))
    assert "cell" not in str(caught.value).split("\n")[-1]


def two_directions_are_twice_as_wide():
    tf.keras.utils.set_random_seed(0)
    both = tf.keras.layers.Bidirectional(tf.keras.layers.LSTM(4, return_state=True))
    x = tf.random.normal((2, 5, 3))
    encoded, forward_h, forward_c, backward_h, backward_c = both(x)
    assert encoded.shape == (2, 8) and forward_h.shape == backward_c.shape == (2, 4)
    assert np.array_equal(encoded, np.concatenate([forward_h, backward_h], axis=1))
    np.testing.assert_allclose(both.forward_layer(x)[0], forward_h, atol=1e-6)
    np.testing.assert_allclose(both.backward_layer(x)[0], backward_h, atol=1e-6)
    assert not np.allclose(forward_c, backward_c)
    assert tf.keras.layers.LSTM(8)(x, initial_state=[encoded, encoded]).shape == (2, 8)  # it runs


def widths_that_do_not_agree():
    def model():
        read = tf.keras.Input((None, 3))
        encoded = tf.keras.layers.Bidirectional(tf.keras.layers.LSTM(4, return_state=True))(read)[0]
        return tf.keras.Model(read, tf.keras.layers.LSTM(4)(read, initial_state=[encoded, encoded]))

    if HERE == 2:
        with pytest.raises(ValueError):
            model()
        return
    built = model()
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"(?i)matrix|matmul"):
        built(tf.ones((1, 2, 3)))


def the_initial_state_is_the_only_path():
    _, (_, on) = measured("ignored_encoder")
    assert [n for n, g in on.items() if g is None] == [f"encoder {n}" for n in ("kernel", "recurrent_kernel", "bias")]


def half_true_without_a_condition():
    (_, off), (_, on) = measured("ignored_encoder")
    assert off["encoder kernel"].any() and on["encoder kernel"] is None


def the_decoder_is_right_at_both_positions():
    """Right here: the same as without an encoder. `test_scenarios.py` asks finite differences."""
    (_, off), (_, on) = measured("ignored_encoder")
    things = gradlab.load("ignored_encoder").setup()
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((things["decoder"](things["y"]) - tf.reverse(things["y"], [1])) ** 2)
    alone = tape.gradient(loss, things["decoder"].trainable_variables)
    for name, found in zip(("kernel", "recurrent_kernel", "bias"), alone, strict=True):
        assert same(on[f"decoder {name}"], found) and not same(on[f"decoder {name}"], off[f"decoder {name}"])


def a_hundred_thousand_sequences():
    space = of_notebook("06_", "held_out, seen = ")
    assert len(space["sequences"]) == len({tuple(row) for row in space["sequences"]}) == 100_000
    assert len(space["held_out"]) == 500 and len(space["seen"]) == 99_500
    assert 10**5 == 100_000


def random_states_contain_the_sequence():
    """Two sequences that differ in one digit have different states, though nothing was trained."""
    layer = an_lstm(64, 10)
    digits = np.array([[1, 8, 8, 3, 6], [2, 8, 8, 3, 6], [1, 8, 8, 3, 7]])
    states = np.asarray(layer(tf.one_hot(digits, 10)))
    assert min(np.abs(states[0] - states[other]).max() for other in (1, 2)) > 1e-3


def every_variable_of_an_encoder_decoder():
    for name in ("encoder_decoder", "ignored_encoder"):
        assert all(g is not None and g.any() for g in measured(name)[0][1].values())


# ---- 10


def zero_multiplies_and_nan_is_zero_times_infinity():
    assert float(gradient(lambda v: 0.0 * v, 2.0)) == 0.0
    assert np.isnan(gradient(lambda v: tf.sqrt(0.0 * v), 2.0))


def ten_tanh_lies_between_minus_ten_and_ten():
    levels = 10 * np.tanh(np.linspace(-8, 8, 101))
    assert levels.min() >= -10 and levels.max() <= 10


def a_clip_and_its_slope():
    values = tf.constant([-5.0, 25.0, 70.0])
    assert np.array_equal(tf.clip_by_value(values, 20.0, 30.0), [20.0, 25.0, 30.0])
    assert np.array_equal(gradient(lambda v: tf.clip_by_value(v, 20.0, 30.0), values), [0.0, 1.0, 0.0])
    _, (_, on) = measured("flat_function")
    assert not any(g.any() for g in on.values())
    scenario, losses = gradlab.load("flat_function"), []
    for move in (0.0, 1e-2, -1e-2):
        things = scenario.setup()
        things["cell"].bias.assign_add(tf.fill(things["cell"].bias.shape, move))
        losses.append(float(scenario.run(True, **things)[0]))
    assert len(set(losses)) == 1


def relu_and_leaky_relu():
    v = tf.constant([-2.0, 3.0])
    assert np.array_equal(tf.nn.relu(v), [0.0, 3.0])
    np.testing.assert_allclose(tf.nn.leaky_relu(v), [-0.4, 3.0], rtol=1e-6)
    assert np.array_equal(gradient(tf.nn.relu, v), [0.0, 1.0])


def a_dead_relu_is_not_moved():
    from gradlab.lab.training import train

    things = gradlab.load("dead_relu").setup()
    assert (np.asarray(things["x"] @ things["kernel"] + things["bias"]) < 0).all()
    assert not any(g.any() for g in measured("dead_relu")[1][1].values())
    assert set(train(gradlab.load("dead_relu"), True, 5).moved.values()) == {0.0}


def a_masked_step_keeps_the_state():
    layer = an_lstm(return_sequences=True)
    x = tf.random.normal((1, 4, 2))
    states = np.asarray(layer(x, mask=tf.constant([[True, True, False, True]])))[0]
    assert np.array_equal(states[1], states[2]) and not np.array_equal(states[2], states[3])
    assert all(g is not None and not g.any() for g in measured("all_masked")[1][1].values())


def an_lstm_starts_from_zeros():
    layer, x = an_lstm(), tf.random.normal((1, 4, 2))
    np.testing.assert_allclose(layer(x), layer(x, initial_state=[tf.zeros((1, 3)), tf.zeros((1, 3))]), atol=1e-7)


def where_differentiates_both_sides():
    def guarded(p):
        return tf.where(p > 0, tf.math.log(p), 0.0)

    assert np.isneginf(tf.math.log(0.0)) and np.array_equal(guarded(tf.constant([0.0, 1.0])), [0.0, 0.0])
    assert np.isnan(gradient(guarded, [0.0, 0.5])).tolist() == [True, False]
    assert np.isnan(gradient(lambda w: tf.reduce_sum(guarded(w * tf.constant([0.0, 1.0]))), 0.5))
    (off_loss, _), (on_loss, on) = measured("where_over_log")
    assert off_loss == on_loss and np.isnan(on["weights"]).all()


def the_root_is_infinitely_steep_at_zero():
    assert np.isposinf(gradient(tf.sqrt, 0.0))
    assert np.isfinite(gradient(lambda v: tf.sqrt(v + 1e-12), 0.0))
    assert np.isnan(gradient(lambda v: tf.sqrt(v**2), 0.0)) and np.isnan(gradient(tf.norm, [0.0, 0.0])).all()


def after_one_step_every_weight_is_nan():
    _, (_, on) = measured("norm_at_zero")
    assert all(np.isnan(on[name]).all() for name in ("kernel", "bias"))


def length_of_a_vector():
    v = np.array([3.0, -4.0, 12.0], "float32")
    assert float(tf.norm(v)) == 13.0 == np.sqrt((v**2).sum())


def every_slice_is_a_new_tensor():
    x = tf.Variable([[1.0, 2.0]])
    with tf.GradientTape(persistent=True) as tape:
        states = 2 * x
        used = states[:, -1]
        loss = used**2
    again = states[:, -1]
    assert np.array_equal(used, again) and used is not again
    assert tape.gradient(loss, used) is not None and tape.gradient(loss, again) is None
    assert measured("slice_after_loss")[1][1]["last state"] is None


def the_leaky_clip_still_rises():
    def leaky(v):
        clipped = tf.clip_by_value(v, 20.0, 30.0)
        return clipped + 0.1 * (v - clipped)

    np.testing.assert_allclose(gradient(leaky, [0.0, 25.0, 50.0]), [0.1, 1.0, 0.1], rtol=1e-6)


def underflow_in_float32():
    assert float(np.finfo(np.float32).tiny) == pytest.approx(1.2e-38, rel=0.03)
    assert float(tf.constant(1e-30) * tf.constant(1e-9)) == 0.0


# ---- sentences of the notebooks on other pages that came later


def leaves_tensorflow():
    model = tf.keras.Sequential([tf.keras.layers.Dense(1)])
    w, x = tf.Variable([[1.0, 2.0]]), tf.ones((3, 2))
    model(x)
    for outside in (
        lambda v: tf.constant(v.numpy()),
        lambda v: tf.constant(float(v[0, 0])),
        lambda v: tf.constant(np.mean(v)),
    ):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(outside(2 * w))
        assert tape.gradient(loss, w) is None
    assert isinstance(model.predict(x, verbose=0), np.ndarray)


def watching_later_does_not_help():
    x = tf.constant(3.0)
    made = x * x
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = made * 2
    assert tape.gradient(loss, x) is None


def no_difference_no_attribution():
    from gradlab.lab.attributions import attribute

    rows, baseline = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[1.0, 2.0], [0.0, 0.0]])
    found = attribute(lambda points: tf.constant(np.ones(np.shape(points))), rows, baseline, np.linspace(0, 1, 5))
    assert found[0] == 0 and found[1] != 0
