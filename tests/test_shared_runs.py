"""What runs are left out when a panel measures: each must give what the run that it replaces would have given."""

import json
import re
import traceback
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from samples import sampled

import gradlab
from gradlab.lab import measure
from gradlab.lab.by_hand import differences
from gradlab.lab.forward_only import hearing, loss_of
from gradlab.lab.measure import AGREES, both, compare, take, taken_of
from gradlab.lab.reading import Kind
from gradlab.lines.api import scenario_ran
from gradlab.panel.margin import Margins

BASE = gradlab.load("integer_cast")


def scenario(run):
    def setup():
        return {name: tf.Variable(value) for name, value in (("a", [3.0, -1.0]), ("b", [0.5, 2.0]), ("c", [1.0, 1.0]))}

    return replace(BASE, setup=setup, run=run, knobs={})


def three(body):
    """A scenario of three sources whose loss is their sum of squares; `body` may change the gradients of the switched side."""

    def run(bug, **sources):
        with tf.GradientTape() as tape:
            loss = tf.add_n([tf.reduce_sum(v**2) for v in sources.values()])
        gradients = tape.gradient(loss, sources)
        return loss, sources, body(gradients) if bug else gradients

    return scenario(run)


@pytest.fixture
def moved(monkeypatch):
    """The sources that were moved, one entry for each run."""
    found, original = [], measure._moved_loss

    def counted(scenario, bug, taken, moves):
        found.append((bug, sorted(moves)))
        return original(scenario, bug, taken, moves)

    monkeypatch.setattr(measure, "_moved_loss", counted)
    return found


def test_wrong_gradients_are_told_together(moved):
    _, on = compare(three(lambda g: {name: 2 * value for name, value in g.items()}))
    assert [r.kind for r in on.readings] == [Kind.WRONG] * 3 and all(r.contradicted for r in on.readings)
    assert on["a"].note == "slope 1e+01, expected 6, as finite differences confirm"
    assert [names for bug, names in moved if bug] in ([["a", "b", "c"]], [["a", "b", "c"]] * 2)


def test_zeros_that_are_wrong_stay_zeros_and_say_so():
    _, on = compare(three(lambda g: {name: tf.zeros_like(value) for name, value in g.items()}))
    assert [(r.kind, r.contradicted) for r in on.readings] == [(Kind.ZERO, True)] * 3
    assert on["a"].note == "slope 0, expected -6, as finite differences confirm"


def test_another_function_is_rightly_differentiated(moved):
    def run(bug, **sources):
        with tf.GradientTape() as tape:
            loss = tf.add_n([tf.reduce_sum((3 * v if bug else v) ** 2) for v in sources.values()])
        return loss, sources, tape.gradient(loss, sources)

    _, on = compare(scenario(run))
    assert [(r.kind, r.note) for r in on.readings] == [(Kind.OK, AGREES)] * 3
    assert sum(bug for bug, _ in moved) in (1, 2)


def test_where_some_are_right_and_some_wrong_each_is_asked_by_itself(moved):
    def run(bug, a, b, c):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum((3 * a if bug else a) ** 2) + tf.reduce_sum(b**2) + tf.reduce_sum(c**2)
        gradients = tape.gradient(loss, {"a": a, "b": b, "c": c})
        return loss, {"a": a, "b": b, "c": c}, {**gradients, "b": 2 * gradients["b"]} if bug else gradients

    _, on = compare(scenario(run))
    assert [r.kind for r in on.readings] == [Kind.OK, Kind.WRONG, Kind.OK]
    assert (on["a"].note, on["b"].contradicted, on["c"].note) == (AGREES, True, "")
    assert (True, ["a", "b"]) in moved and (True, ["a"]) in moved and (True, ["b"]) in moved


def test_errors_of_opposite_sign_do_not_hide_each_other():
    """Along the differences each wrong gradient adds to the sum, whatever its sign."""
    _, on = compare(three(lambda g: {"a": 1.2 * g["a"], "b": 0.8 * g["b"], "c": g["c"]}))
    assert [r.kind for r in on.readings] == [Kind.WRONG, Kind.WRONG, Kind.OK]


def test_a_loss_is_computed_without_its_gradient():
    asked = []

    def run(bug, a, b, c):
        with tf.GradientTape() as outer:
            with tf.GradientTape() as inner:
                inside = tf.reduce_sum(a**2 * b)
            slope = inner.gradient(inside, a)
            loss = tf.reduce_sum(slope**2) + tf.reduce_sum(c)
        answer = outer.gradient(loss, {"a": a, "b": b})
        asked.append(answer["a"])
        return loss, {"a": a, "b": b}, answer

    made = scenario(run)
    things = made.setup()
    plain = tf.GradientTape.gradient
    with hearing() as heard:
        result = made.run(False, **things)
    taken_of(made, result, things, heard)
    things["a"].assign([1.0, 2.0])
    assert float(loss_of(lambda: take(made, False, things), heard)) == float(made.run(False, **things)[0])
    assert (
        asked[1] is asked[0] and asked[2] is not asked[0]
    )  # the inner gradient is a part of the loss, and was asked for
    assert tf.GradientTape.gradient is plain


def test_a_run_that_returns_another_loss_than_it_asked_about_is_run_whole():
    calls = []

    def run(bug, a, b, c):
        calls.append(bug)
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(a**2)
        gradient = tape.gradient(loss, a)
        return (loss if len(calls) == 1 else loss + tf.reduce_sum(gradient)), {"a": a}, {"a": gradient}

    made = scenario(run)
    things = made.setup()
    with hearing() as heard:
        result = made.run(False, **things)
    taken_of(made, result, things, heard)
    things["a"].assign([1.0, 1.0])
    assert float(loss_of(lambda: take(made, False, things), heard)) == 2.0 + 4.0
    assert len(calls) == 3


def test_the_tapes_inside_of_a_py_function_are_not_the_runs_own():
    def run(bug, a, **others):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.py_function(lambda v: v**2, [a], tf.float32)) + tf.reduce_sum(a)
        return loss, {"a": a}, tape.gradient(loss, {"a": a})

    made = scenario(run)
    things = made.setup()
    with hearing() as heard:
        result = made.run(False, **things)
    taken_of(made, result, things, heard)
    assert list(heard.known) == [0]
    things["a"].assign([1.0, 2.0])
    assert float(loss_of(lambda: take(made, False, things), heard)) == 8.0
    assert compare(made)[0]["a"].kind is Kind.OK


def test_the_traceback_of_a_run_has_no_frame_of_what_hears_it():
    error = compare("tape_used_twice")[1].error
    files = [frame.filename.rpartition("/")[2] for frame in traceback.extract_tb(error.__traceback__)]
    assert files[0] == "tape_used_twice.py" and files[1] == "backprop.py"


def test_all_moved_copies_may_go_through_one_call():
    x, w = tf.constant(np.random.default_rng(0).standard_normal((1, 3, 2)), tf.float32), tf.ones((2, 4))
    calls = []

    def function(v):
        calls.append(v.shape[0])
        return tf.tanh(tf.cumsum(v, axis=1) @ w)

    together, alone = differences(function, x, batch=True), differences(function, x)
    assert calls == [12] + [1] * 12
    assert together.shape == alone.shape == (1, 3, 4, 1, 3, 2)
    np.testing.assert_allclose(together, alone, atol=1e-4)


def written(margins):
    """Both margins as text, without the numbers by which Keras tells layers apart that were made from one class: lstm_1."""
    return re.sub(r"(?<=[a-z])_\d+\b", "", json.dumps([margins.of(bug, {}) for bug in (False, True)]))


@pytest.mark.parametrize("name", sampled(gradlab.names(), every=17, first=4))
def test_what_is_recorded_is_measured_bit_for_bit(name):
    """The sides of a panel and of a comparison without a recording, and the margin of a panel and of line gradients by themselves."""
    made = gradlab.load(name)
    margins = Margins(made, "/CPU:0")
    margins.record(made.defaults)
    for shared, alone in zip(both(made, None, made.defaults, margins.take), compare(made), strict=True):
        assert shared.kinds == alone.kinds and shared.loss == alone.loss
        for one, other in zip(shared.readings, alone.readings, strict=True):
            assert (one.note, one.contradicted, one.shape) == (other.note, other.contradicted, other.shape)
            assert (one.values is None) == (other.values is None)
            assert one.values is None or one.values.tobytes() == other.values.tobytes()
    margins.look(strict=True)
    alone = Margins(made, "/CPU:0")
    alone._ran = [scenario_ran(made, bug, "/CPU:0", made.defaults) for bug in (False, True)]
    alone.look(strict=True)
    assert written(margins) == written(alone)


def test_a_run_that_the_recording_changes_is_run_again():
    def run(bug, **sources):
        square = tf.function(lambda v: v**2) if bug else tf.square
        with tf.GradientTape() as tape:
            loss = tf.add_n([tf.reduce_sum(square(v)) for v in sources.values()])
        return loss, sources, tape.gradient(loss, sources)

    def raises(bug, **sources):
        return 1 / 0 if bug else run(False, **sources)

    for made in (scenario(run), scenario(raises)):
        margins = Margins(made, "/CPU:0")
        margins.record({})
        assert [margins.take(made, bug, {}) is None for bug in (False, True)] == [False, True]


def test_a_run_that_leaves_all_as_it_was_is_known():
    def writes(bug, a, **others):
        a.assign_add([0.0, 0.0])
        return three(lambda g: g).run(bug, a=a, **others)

    def makes(bug, **sources):
        tf.Variable(1.0)
        return three(lambda g: g).run(bug, **sources)

    def draws(bug, **sources):
        tf.random.normal((2,))
        return three(lambda g: g).run(bug, **sources)

    runs = (three(lambda g: g).run, writes, makes, draws)
    assert [scenario_ran(scenario(run), False, "/CPU:0", {}).untouched for run in runs] == [True, False, False, False]


def test_only_a_scenario_of_gradlab_is_set_up_once_for_both_sides():
    counts = []
    for made in (gradlab.load("integer_cast"), three(lambda g: g)):
        made_of = []

        def counted(made=made, made_of=made_of, **knobs):
            made_of.append(knobs)
            return made.setup(**knobs)

        margins = Margins(replace(made, setup=counted), "/CPU:0")
        margins.record(made.defaults if made.knobs else {})
        counts.append(len(made_of))
    assert counts == [1, 2]
