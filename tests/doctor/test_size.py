"""A gradient that is there can be of no use: too large, or too small."""

from __future__ import annotations

import keras
import pytest
import tensorflow as tf

import gradlab
from gradlab import Kind


def unrolled(scale: float, steps: int):
    """A linear recurrence: the gradient of the start is `scale` to the power of `steps`."""
    start = tf.Variable([1.0, 1.0])

    def loss():
        h = start
        for _ in range(steps):
            h = h * scale
        return 1.5 + tf.reduce_mean(tf.sin(h))

    return start, loss


@pytest.mark.parametrize(
    ("scale", "word", "factor"), [(3.0, "explodes", "grows 3 times"), (0.2, "vanished", "shrinks to 0.2")]
)
def test_the_line_and_the_growth_at_each_step(scale, word, factor):
    start, loss = unrolled(scale, 24)
    report = gradlab.explain(loss, {"start": start}, level="quick")
    row = report.row("start")
    assert row.status is Kind.OK and row.cause is None and word in row.words
    assert factor in row.evidence and "24 visits" in row.evidence and row.where[0].code == "h = h * scale"
    assert report.problems == [row] and "1 of 1 gradient has a problem" in repr(report)


def test_the_norm_is_the_one_of_a_plain_tape():
    start, loss = unrolled(3.0, 24)
    with tf.GradientTape() as tape:
        value = loss()
    row = gradlab.explain(loss, {"start": start}, level="quick").row("start")
    assert row.norm == pytest.approx(float(tf.norm(tape.gradient(value, start))), rel=1e-5)


def test_a_large_loss_may_have_a_large_gradient():
    w = tf.Variable([3.0, 2.0])
    assert gradlab.explain(lambda: 1e7 * tf.reduce_sum(w**2), {"w": w}, level="quick").problems == []


def test_a_loss_near_its_minimum_may_have_a_small_gradient():
    w = tf.Variable([1e-9, 2e-9])
    assert gradlab.explain(lambda: tf.reduce_sum(w**2), {"w": w}, level="quick").problems == []


def test_a_tape_tells_it_too():
    keras.utils.set_random_seed(0)
    cell, x = (
        keras.layers.SimpleRNNCell(3, activation="linear", recurrent_initializer=keras.initializers.Identity(9.0)),
        tf.ones((1, 2)),
    )
    cell.build((1, 2))
    with gradlab.Tape() as tape:
        h = tf.ones((1, 3))
        for _ in range(12):
            h, _ = cell(x, [h])
        loss = tf.reduce_mean(tf.sin(h))
    tape.gradient(loss, [cell.recurrent_kernel])
    row = tape.report().rows[0]
    assert row.status is Kind.OK and "explodes" in row.words and row.where[0].code == "h, _ = cell(x, [h])"


def _attention(shared: bool):
    """A softmax over five scores, to all of which (`shared`) a bias is added, or to one."""
    bias, x = tf.Variable([0.25]), tf.constant([[0.3], [0.1], [-0.4], [0.8], [0.2]])
    chosen = tf.ones((5, 1)) if shared else tf.constant([[1.0], [0.0], [0.0], [0.0], [0.0]])

    def loss():
        scores = x + (bias if shared else bias * chosen * 1e-9)
        return 1.0 + tf.reduce_sum(tf.nn.softmax(scores, axis=0) * tf.constant([[2.0], [1.0], [5.0], [3.0], [0.5]]))

    return bias, loss


def test_the_rest_of_a_sum_that_cancels_has_not_vanished():
    """A bias on all scores of a softmax changes nothing: its gradient is the rounding of zero, and no healthy attention is told
    that its gradient vanished."""
    bias, loss = _attention(shared=True)
    with tf.GradientTape() as tape:
        value = loss()
    assert abs(float(tape.gradient(value, bias)[0])) < 1e-6
    assert gradlab.explain(lambda: 1.0 + 1e-3 * loss(), {"bias": bias}, level="quick").problems == []
    bias, loss = _attention(shared=False)
    assert "vanished" in gradlab.explain(loss, {"bias": bias}, level="quick").row("bias").words
