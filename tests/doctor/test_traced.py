"""gradlab.Tape inside a tf.function: what the traced graph tells without values."""

from __future__ import annotations

import gc
import inspect

import keras
import numpy as np
import pytest
import tensorflow as tf

import gradlab

W, V = tf.Variable([1.0, -2.0], name="W"), tf.Variable([0.5, 0.5], name="V")
COUNT = tf.Variable([3.0, 1.0], name="COUNT")


def cast(Tape):
    with Tape() as tape:
        steps = tf.cast(W, tf.int32)
        loss = tf.reduce_sum(tf.cast(steps, tf.float32) * V)
    return tape.gradient(loss, [W, V])


def stopped(Tape):
    with Tape() as tape:
        loss = tf.reduce_sum(tf.stop_gradient(W) * V)
    return tape.gradient(loss, [W, V])


def after(Tape):
    with Tape() as tape:
        made = W * V
    loss = tf.reduce_sum(made) + 1.0
    return tape.gradient(loss, [W])


def before(Tape):
    made = W * V
    with Tape() as tape:
        loss = tf.reduce_sum(made * made)
    return tape.gradient(loss, [W])


def paused(Tape):
    with Tape() as tape:
        with tape.stop_recording():
            made = W * 3.0
        loss = tf.reduce_sum(made)
    return tape.gradient(loss, [W])


def unwatched(Tape):
    x = tf.ones([2]) * 2.0
    with Tape() as tape:
        loss = tf.reduce_sum(x * W)
    return tape.gradient(loss, [x])


def assigned(Tape):
    with Tape() as tape:
        COUNT.assign(W * 2.0)
        loss = tf.reduce_sum(COUNT * V)
    return tape.gradient(loss, [W, V])


def unused(Tape):
    with Tape() as tape:
        loss = tf.reduce_sum(W**2)
    return tape.gradient(loss, [W, COUNT])


def refused(Tape):
    with Tape() as tape:
        loss = tf.reduce_sum(W) + tf.reduce_sum(tf.unique(W).y)
    return tape.gradient(loss, [W])


def empty(Tape):
    with Tape() as tape:
        loss = tf.reduce_sum(W)
    return tape.gradient(loss, [])


CASES = {
    cast: ("none", "integer-cast", "steps = tf.cast(W, tf.int32)"),
    stopped: ("none", "stop-gradient", "tf.stop_gradient(W)"),
    after: ("none", "after-tape", "loss = tf.reduce_sum(made) + 1.0"),
    before: ("none", "before-tape", "made = W * V"),
    paused: ("none", "tape-order", "made = W * 3.0"),
    unwatched: ("none", "not-watched", "loss = tf.reduce_sum(x * W)"),
    assigned: ("none", "state-assign", "COUNT.assign(W * 2.0)"),
    unused: ("none", "unconnected", ""),
    refused: ("raises", "no-gradient-op", "tf.unique(W).y"),
    empty: ("empty", "empty-vars", "tape.gradient(loss, [])"),
}


@pytest.mark.parametrize("step", CASES, ids=lambda f: f.__name__)
def test_the_graph_tells_the_line(step):
    def outcome(Tape):
        try:
            found = tf.function(step)(Tape)
        except Exception as error:  # AutoGraph wraps it in a type of its own
            return type(error).__name__, str(error).strip().splitlines()[-1]
        return [None if g is None else np.asarray(g).tolist() for g in found]

    graph_before = outcome(tf.GradientTape)
    assert outcome(gradlab.Tape) == graph_before
    status, cause, text = CASES[step]
    report = gradlab.last_report()
    row = report.problems[0]
    assert (row.status, row.cause) == (status, cause)
    lines, first = inspect.getsourcelines(step)
    if text:
        assert row.where[0].file == __file__
        assert text in lines[row.where[0].line - first]
    others = [r.status for r in report.rows if r is not row]
    assert set(others) <= {"ok"}
    assert "traced" in repr(report) and "values" in repr(report)


@pytest.mark.parametrize("frozen", [False, True])
def test_a_graph_without_a_missing_gradient_is_run_once_more_for_the_values(frozen):
    """Also where the program has put its objects aside by gc.freeze: a variable that is not found is not put back."""
    if frozen:
        gc.freeze()
    runs = []

    @tf.function
    def step(scale):
        runs.append(tf.executing_eagerly())
        with gradlab.Tape(persistent=True) as tape:
            loss = tf.reduce_sum(tf.sqrt(W * scale))
        COUNT.assign_add([1.0, 1.0])
        return tape.gradient(loss, W)

    COUNT.assign([0.0, 0.0])
    assert np.isnan(np.asarray(step(0.0 * V))).all()
    report = gradlab.last_report()
    assert [(r.status, r.cause) for r in report.rows] == [("not finite", "nan-sqrt-norm")]
    assert report.rows[0].where[0].code == "loss = tf.reduce_sum(tf.sqrt(W * scale))"
    assert runs == [False, True]
    assert COUNT.numpy().tolist() == [1.0, 1.0]
    assert "eager mode" in report.notes[0]


def test_a_function_that_only_a_graph_can_run_is_left_alone():
    @tf.function
    def step(x):
        with gradlab.Tape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(x**2) * float(x.graph is not None)
        return tape.gradient(loss, x)

    step(tf.ones([2]))
    report = gradlab.last_report()
    assert [r.status for r in report.rows] == ["ok"]
    assert "zero" in report.notes[0]


def test_fit_with_a_loss_outside_the_tape():
    class Late(keras.Model):
        def train_step(self, data):
            x, y = data
            with gradlab.Tape() as tape:
                guess = self(x)
            loss = tf.reduce_mean((guess - y) ** 2)
            slopes = tape.gradient(loss, self.trainable_variables)
            self.optimizer.apply_gradients(zip(slopes, self.trainable_variables, strict=True))
            return {"loss": loss}

    inputs = keras.Input((3, 2))
    model = Late(inputs, keras.layers.Dense(1)(keras.layers.LSTM(2)(inputs)))
    model.compile("sgd")
    with pytest.raises(ValueError, match="No gradients"):
        model.fit(tf.ones((2, 3, 2)), tf.ones((2, 1)), verbose=0)
    report = gradlab.last_report()
    assert len(report.problems) == len(model.trainable_variables)
    assert {r.cause for r in report.rows} == {"after-tape"}
    assert {r.where[0].code for r in report.rows} == {"loss = tf.reduce_mean((guess - y) ** 2)"}


def test_the_learners_graph_is_left_as_it_was():
    def step(Tape):
        with Tape() as tape:
            loss = tf.reduce_sum(tf.stop_gradient(W) * V)
        return tape.gradient(loss, [V])

    plain = tf.function(step).get_concrete_function(tf.GradientTape)
    ours = tf.function(step).get_concrete_function(gradlab.Tape)
    gradlab.last_report()
    assert [o.type for o in ours.graph.get_operations()] == [o.type for o in plain.graph.get_operations()]
    assert len(ours.inputs) == len(plain.inputs)
