"""What is called wrong must be wrong: small programs whose right gradient is known by hand."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

import gradlab
from gradlab.lab.measure import _apart, compare, directional, take
from gradlab.lab.reading import Kind
from gradlab.runtime.devices import check_device, full_float32

BASE = gradlab.load("integer_cast")


def scenario(run, setup=None):
    return replace(BASE, setup=setup or (lambda: {"w": tf.Variable([3.0, -1.0])}), run=run, knobs={})


def loss_of(body):
    def run(bug, w):
        with tf.GradientTape() as tape:
            loss = body(bug, w)
        return loss, {"w": w}, {"w": tape.gradient(loss, w)}

    return scenario(run)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (lambda bug, w: tf.reduce_sum(w * (tf.stop_gradient(w) if bug else w)), Kind.WRONG),
        (lambda bug, w: tf.reduce_sum((w if bug else 2 * w) ** 2), Kind.OK),  # another function, rightly differentiated
        (lambda bug, w: tf.reduce_sum(tf.stop_gradient(w) if bug else w), Kind.NONE),
        (lambda bug, w: tf.reduce_sum(w * (0.0 if bug else 1.0)), Kind.ZERO),
        (lambda bug, w: tf.reduce_sum(w / (0.0 if bug else 1.0)), Kind.NOT_FINITE),
        (lambda bug, w: tf.reduce_sum(w) if not bug else 1 / 0, Kind.RAISES),
    ],
)
def test_each_kind_is_told_from_the_others(body, kind):
    off, on = compare(loss_of(body))
    assert off["w"].kind is Kind.OK
    assert on["w"].kind is kind


def test_a_zero_that_finite_differences_contradict_says_so():
    def run(bug, w):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(w**2)
        gradient = tape.gradient(loss, w)
        return loss, {"w": w}, {"w": tf.zeros_like(gradient) if bug else gradient}

    reading = compare(scenario(run))[1]["w"]
    assert reading.kind is Kind.ZERO
    assert "finite difference" in reading.note and "agrees" not in reading.note


def test_a_shorter_list_reads_missing_in_the_shape_it_should_have():
    def run(bug, w):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(w**2)
        sources = {} if bug else {"w": w}
        return loss, sources, tape.gradient(loss, sources)

    reading = compare(scenario(run))[1]["w"]
    assert (reading.kind, reading.shape) == (Kind.MISSING, (2,))


def test_the_finite_difference_is_the_derivative_and_leaves_the_variable_alone():
    made = loss_of(lambda bug, w: tf.reduce_sum(w**3))
    things = made.setup()
    taken = take(made, False, things)
    slope = directional(made, False, taken, "w", np.array([1.0, 0.0], "float32"))
    assert slope == pytest.approx(3 * 3.0**2, rel=1e-2)
    assert things["w"].numpy().tolist() == [3.0, -1.0]


def test_a_tensor_source_is_moved_by_swapping_it():
    def run(bug, x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(x**2)
        return loss, {"x": x}, {"x": tape.gradient(loss, x)}

    made = scenario(run, lambda: {"x": tf.constant([1.0, 2.0])})
    taken = take(made, False, made.setup())
    assert directional(made, False, taken, "x", np.array([0.0, 1.0], "float32")) == pytest.approx(4.0, rel=1e-2)


def test_indexed_slices_are_added_up_into_the_shape_of_their_variable():
    reading = compare("integer_index")[1]["table"]
    assert reading.shape == (8, 3)
    assert reading.note == "IndexedSlices"


@pytest.mark.parametrize(
    ("result", "error", "words"),
    [
        ((lambda w: 1.0), TypeError, "loss, sources, gradients"),
        ((lambda w: (1.0, {"w": w}, {"v": None})), ValueError, "same names"),
    ],
)
def test_a_run_that_returns_something_else_is_told_what_was_expected(result, error, words):
    made = scenario(lambda bug, w: result(w))
    with pytest.raises(error, match=words):
        take(made, False, made.setup())


def test_tf32_is_off_in_the_block_and_back_after_it():
    enabled = tf.config.experimental.tensor_float_32_execution_enabled
    before = enabled()
    with pytest.raises(ZeroDivisionError), full_float32():
        inside = enabled()
        1 / 0  # noqa: B018
    assert (before, inside, enabled()) == (True, False, True)


def test_devices_are_named_in_any_usual_form():
    assert check_device("/CPU:0") == check_device("cpu:0") == check_device("/device:CPU:0") == "/CPU:0"


@pytest.mark.skipif(
    not tf.config.list_physical_devices("GPU"), reason="no GPU here, or GRADLAB_DEVICE=/GPU:0 is not set: NOT tested"
)
def test_a_gpu_computes_where_it_is_told_to():
    assert compare("integer_cast", device="/GPU:0")[0].kinds == compare("integer_cast", device="/CPU:0")[0].kinds


@pytest.mark.parametrize(
    ("said", "measured", "words"),
    [(0.06, -0.3, ("0.06", "-0.3")), (-0.2301, -0.1934, ("-0.23", "-0.19")), (1.0, 1.00001, ("1", "1"))],
)
def test_two_slopes_have_the_digits_that_tell_them_apart(said, measured, words):
    assert _apart(said, measured) == words
