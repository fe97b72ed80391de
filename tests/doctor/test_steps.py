"""Trainings of many steps: the first bad one is found and kept, the others are dropped, and nothing is changed."""

import gc
import threading
import weakref
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

import gradlab
from gradlab.doctor.frontends import call as call_of
from gradlab.doctor.recording import session, tf_internals
from gradlab.doctor.recording.compiled_steps import _STEPS, EVERY
from gradlab.doctor.recording.frames import Place
from gradlab.doctor.recording.recorded_run import kind_of
from gradlab.doctor.recording.steps import TRAININGS, Lines
from gradlab.lab.reading import Kind


def call(line=7):
    call = SimpleNamespace(where=[Place("train.py", line)], what="gradient", target=None)
    return SimpleNamespace(call=call)


def take(lines, variable, gradient, line=7):
    found = call(line)
    found.step = lines.take(found, [variable], [gradient])
    return found


def test_steps_of_a_line_are_counted_for_each_training():
    a, b, one, zero = tf.Variable(1.0), tf.Variable(1.0), tf.constant(1.0), tf.constant(0.0)
    lines = Lines()
    first = take(lines, a, None)
    take(lines, a, None)
    other = take(lines, b, one)
    assert other.step.number == 1 and other.step.since == {}
    again = take(lines, a, None)
    assert again.step.number == 3
    assert again.step.since[0].number == 1 and again.step.since[0].call is first
    assert take(lines, a, zero).step.since[0].status == "zero"
    well = take(lines, a, one)
    assert well.step.since == {} and well.step.past == {0: ("zero", 4, 4)}
    assert take(lines, a, one, line=9).step.number == 1


def test_trainings_of_a_line_are_bounded_and_the_bad_ones_stay():
    lines = Lines()
    variables = [tf.Variable(1.0) for _ in range(12)]
    for n, v in enumerate(variables):
        last = take(lines, v, None if n == 3 else tf.constant(1.0))
    kept = last.step.line.trainings
    assert len(kept) == TRAININGS
    assert [bool(t.since) for t in kept].count(True) == 1


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "complex64"])
def test_the_quick_look_at_a_gradient_agrees_with_numpy(dtype):
    values = [[0.0, 0.0], [1e-30, 0.0], [1e30, 1.0], [np.nan, np.inf], [np.inf, 1.0], [1.0, -1.0]]
    for pair in values:
        with np.errstate(all="ignore"):  # 1e30 is infinite in float16
            given = tf.constant(np.array(pair).astype(dtype))
        a = np.abs(given.numpy())
        want = "nan" if np.isnan(a).any() else "inf" if np.isinf(a).any() else "ok" if a.any() else "zero"
        assert kind_of(given) == want, (dtype, pair)


def loop(Tape=gradlab.Tape, steps=6, bad=3, keep=None):
    w = tf.Variable([1.0, 2.0])
    for epoch in range(1, 3):
        for n in range(steps // 2):
            step = (epoch - 1) * (steps // 2) + n + 1
            with Tape() as tape:
                h = tf.square(w)
                ratio = tf.reduce_sum(h) / tf.constant(0.0 if step == bad else 1.0)
            slope = tape.gradient(ratio, w)
            w.assign_sub(0.01 * slope)
            if keep is not None:
                keep.append(weakref.ref(h))
    return w


def test_the_first_bad_step_is_told_and_only_its_record_is_kept():
    kept = []
    loop(keep=kept)
    gc.collect()
    assert [ref() is not None for ref in kept] == [False, False, True, False, False, True]
    report = gradlab.last_report()
    row = report.rows[0]
    assert (row.status, row.step, row.steps, row.loop) == (Kind.NOT_FINITE, 3, 6, {"epoch": 1, "n": 2})
    assert "ratio = " in row.where[0].code
    assert "NaN or infinite, first at step 3 of 6 (epoch = 1, n = 2)" in str(report)
    assert row.to_dict()["step"] == 3


def test_a_gradient_that_is_well_again_is_a_note():
    w = tf.Variable([1.0, 2.0])
    for n in range(4):
        with gradlab.Tape() as tape:
            loss = tf.reduce_sum(w * (0.0 if n == 1 else 1.0))
        tape.gradient(loss, w)
    report = gradlab.last_report()
    assert not report.problems
    assert any("was zero at step 2 of 4" in note for note in report.notes)


def compiled(returns, bad, calls, outside=False, Tape=gradlab.Tape, noise=False):
    """A compiled training whose step number `bad` takes the root of a negative number."""
    w, total = tf.Variable([1.0, 2.0]), tf.Variable(0.0)

    @tf.function
    def step(x):
        with Tape() as tape:
            root = tf.sqrt(x)
            loss = tf.reduce_sum(w**2) * root
        slope = tape.gradient(loss, w)
        w.assign_sub(0.01 * slope + (tf.random.normal((2,)) * 1e-6 if noise else 0.0))
        total.assign_add(loss)
        return loss if returns else None

    for n in range(1, calls + 1):
        step(tf.constant(-1.0 if n == bad else 1.0))
        if outside:
            w.assign(w * 0.9)
    return step, w, total


@pytest.mark.parametrize(("returns", "bad"), [(True, 5), (False, 5), (True, EVERY + 4), (False, EVERY + 1), (True, 1)])
def test_the_first_bad_step_of_a_compiled_training(returns, bad):
    calls = 2 * EVERY + 3
    step, w, total = compiled(returns, bad, calls)
    values = w.numpy(), total.numpy()
    report = gradlab.last_report()
    row = report.rows[0]
    assert (row.status, row.step, row.steps) == (Kind.NOT_FINITE, bad, calls)
    assert row.where[0].code == "root = tf.sqrt(x)"
    np.testing.assert_array_equal(values[0], w.numpy())
    np.testing.assert_array_equal(values[1], total.numpy())
    step(tf.constant(1.0))
    assert gradlab.last_report().rows[0].steps == calls + 1


def test_a_followed_step_gives_what_a_plain_one_gives():
    a, b = (compiled(True, 0, 2 * EVERY + 3, Tape=Tape) for Tape in (tf.GradientTape, gradlab.Tape))
    np.testing.assert_array_equal(a[1].numpy(), b[1].numpy())


def test_a_followed_function_is_freed_with_all_that_is_kept_of_it():
    made = []
    for _ in range(TRAININGS + 4):  # the last few may be alive: the doctor still tells of their line
        step, w, _ = compiled(True, 0, 3)
        made.append((weakref.ref(step), weakref.ref(w)))
        del step, w
    gradlab.last_report()
    gc.collect()
    alive = [(function() is not None, variable() is not None) for function, variable in made]
    assert alive[:4] == [(False, False)] * 4, alive


def test_a_function_that_several_threads_call_at_once_is_not_followed_and_the_report_says_so():
    step, _, _ = compiled(True, 0, 3)
    with vars(step)[_STEPS].lock:  # as another thread holds it while its call runs
        step(tf.constant(1.0))
    assert any("not followed: it was called by several threads at once" in n for n in gradlab.last_report().notes)


def test_where_variables_cannot_be_read_the_program_runs_as_ever_and_the_report_says_so(monkeypatch):
    plain = compiled(True, 0, 3, Tape=tf.GradientTape)[1].numpy()

    def gone(handle):
        raise AttributeError("a handle has no _handle_data")

    with monkeypatch.context() as patch:
        patch.setattr(tf_internals, "read", gone)
        _, w, _ = compiled(True, 0, 3)
        assert "no _handle_data" in tf_internals.self_test()
    np.testing.assert_array_equal(plain, w.numpy())
    assert any("not followed: this TensorFlow's variables could not be read" in n for n in gradlab.last_report().notes)
    assert tf_internals.self_test() == ""


@pytest.mark.parametrize("how", ["outside", "noise"])
def test_steps_that_cannot_be_repeated_are_said(how):
    """With a result that is bad, the step is known; without its exact variables, the report says so."""
    _, w, _ = compiled(True, 5, 8, **{how: True})
    before = w.numpy()
    text = str(gradlab.last_report())
    assert "step 5" in text
    assert "outside of it" in text or "random numbers" in text
    np.testing.assert_array_equal(before, w.numpy())


def test_a_step_that_takes_its_own_batches_does_not_run_again():
    w = tf.Variable([1.0])
    batches = iter(tf.data.Dataset.range(20))

    @tf.function
    def step():
        x = tf.cast(next(batches), tf.float32)
        with gradlab.Tape() as tape:
            loss = tf.reduce_sum(w**2) * tf.math.log(2.0 - x)
        w.assign_sub(0.01 * tape.gradient(loss, w))
        return loss

    for _ in range(4):
        step()
    assert "iterator" in str(gradlab.last_report())
    assert int(next(batches)) == 4


def test_an_interrupted_call_leaves_no_report_of_an_earlier_one():
    w = tf.Variable(1.0)
    with gradlab.Tape() as tape:
        y = w * 2.0
    tape.gradient(y, w)
    assert gradlab.last_report() is not None

    @tf.custom_gradient
    def interrupting(x):
        def backward(_):
            raise KeyboardInterrupt

        return x * 1.0, backward

    with gradlab.Tape() as tape:
        y = interrupting(w * 1.0)
    with pytest.raises(KeyboardInterrupt):
        tape.gradient(y, w)
    assert gradlab.last_report() is None


def test_the_main_thread_is_told_of_the_other_threads():
    w = tf.Variable(1.0)

    def work():
        with gradlab.Tape() as tape:
            y = w * 2.0
        tape.gradient(y, w)

    for name in ("one", "two"):
        thread = threading.Thread(target=work, name=name)
        thread.start()
        thread.join()
    report = gradlab.last_report()
    assert "thread two" in report.title
    assert any("others that have asked: " in note and "one" in note for note in report.notes)


MANY = """
w, v = tf.Variable(2.0), tf.Variable(3.0)
with tf.GradientTape() as tape:
    loss = w + tf.round(v)  # cut
tape.gradient(loss, {"w": w, "v": v})
with tf.GradientTape() as tape:
    loss = 1e9 * w
    for _ in range(3):
        loss = loss ** 1.5
tape.gradient(loss, {"large": w})
""" + "".join(
    f"with tf.GradientTape() as tape:\n    loss = {n} * w\ntape.gradient(loss, {{'w{n}': w}})\n" for n in range(1, 9)
)


def test_a_line_with_a_problem_is_told_however_many_healthy_lines_ask_after_it():
    with call_of.recorded_tapes() as opened:
        exec(compile(MANY, "<ipython-input-many>", "exec"), {"tf": tf})
    assert sum(found.whole for found in opened.calls.values()) == session.SITES + 2
    found = call_of.reports(opened)
    assert len(found) == 10  # one for each line that asked
    row = found[0].row("v")
    assert (row.status, row.where[0].line) == ("none", 4), row
    assert found[1].problems  # a size that only the record explains
    assert [r.rows[0].norm for r in found[2:]] == [1, 2, 3, 4, 5, 6, 7, 8]


def test_of_too_many_lines_with_a_problem_the_status_is_still_told():
    lines = session.TROUBLED + 3
    text = "w = tf.Variable(2.0)\n" + "".join(
        "with tf.GradientTape() as tape:\n    loss = tf.round(w)\ntape.gradient(loss, w)\n" for _ in range(lines)
    )
    with call_of.recorded_tapes() as opened:
        exec(compile(text, "<ipython-input-too-many>", "exec"), {"tf": tf})
    kept = weakref.ref(next(iter(opened.calls.values())).call)
    assert kept().record is None and kept().target is None
    found = call_of.reports(opened)
    assert len(found) == lines and all(len(r.problems) == 1 for r in found)
    assert [bool(r.notes) for r in found] == [n < 3 for n in range(lines)]
    assert found[2].rows[0].cause is None and found[3].rows[0].cause is not None
