"""The interface of explain: what it refuses, what it leaves behind, and that it never contradicts a plain tape."""

from __future__ import annotations

import threading

import keras
import numpy as np
import pytest
import tensorflow as tf

import gradlab
from gradlab.doctor.recording import hooks, tf_internals


def conversions_are_plain() -> bool:
    eager = type(tf.constant(0.0))
    return not any("hooked" in getattr(getattr(eager, n), "__qualname__", "") for n in hooks.CONVERSIONS)


def test_failing_function_names_line_and_error():
    w = tf.Variable(1.0)

    def broken():
        return w * {}["missing"]

    with pytest.raises(RuntimeError, match=r"test_explain\.py:\d+.*KeyError.*missing") as caught:
        gradlab.explain(broken, {"w": w})
    assert isinstance(caught.value.__cause__, KeyError)
    assert not hooks.installed() and conversions_are_plain()


@pytest.mark.parametrize(
    ("result", "error", "words"),
    [
        (None, TypeError, "returned None"),
        (3.5, TypeError, "float"),
        (np.ones(3), TypeError, "numpy.ndarray"),
        (tf.ones([2, 3]), ValueError, r"shape \(2, 3\)"),
    ],
)
def test_loss_must_be_a_scalar_tensor(result, error, words):
    with pytest.raises(error, match=words):
        gradlab.explain(lambda: result, {"w": tf.Variable(1.0)})


def test_sources_that_are_refused():
    w = tf.Variable(1.0)

    def loss():
        return w * 1.0

    with pytest.raises(ValueError, match=r"empty dict"):
        gradlab.explain(loss, {})
    with pytest.raises(ValueError, match=r"empty list.*owner"):
        gradlab.explain(loss, [])
    with pytest.raises(TypeError, match=r"'x' is a numpy\.ndarray"):
        gradlab.explain(loss, {"x": np.ones(2)})
    with pytest.raises(TypeError, match=r"'x'.*KerasTensor"):
        gradlab.explain(loss, {"x": keras.Input((2,))})
    with tf.Graph().as_default():
        other = tf.constant(1.0)
    with pytest.raises(ValueError, match=r"'x' belongs to another graph"):
        gradlab.explain(loss, {"x": other})
    with pytest.raises(LookupError, match=r"'y'.*'w'"):
        gradlab.explain(loss, {"w": w}, watch=("y",))
    with pytest.raises(TypeError, match=r"fn is a Tensor|fn is a EagerTensor"):
        gradlab.explain(tf.constant(1.0), {"w": w})
    with pytest.raises(ValueError, match=r"'full' or 'quick'"):
        gradlab.explain(loss, {"w": w}, level="deep")


def test_state_is_as_before():
    keras.utils.set_random_seed(0)
    w, counter = tf.Variable([1.0, 2.0]), tf.Variable(0)
    drop, bn = keras.layers.Dropout(0.5), keras.layers.BatchNormalization()
    generator = tf.random.Generator.from_seed(1)
    lstm, x = keras.layers.LSTM(2, stateful=True), tf.ones((1, 2, 2))
    lstm(x)
    bn(tf.ones((2, 2)))
    tf.random.get_global_generator()

    def loss():
        counter.assign_add(1)
        noise = generator.normal([2]) + tf.random.get_global_generator().normal([2]) + np.random.normal()
        y = bn(tf.reshape(drop(w * noise, training=True), (1, 2)), training=True)
        return tf.reduce_sum(y**2) + tf.reduce_sum(lstm(x * w))

    def state():
        found = [counter, w, generator.state, tf.random.get_global_generator().state]
        found += [v.value for v in (*bn.variables, *lstm.variables, drop.seed_generator.state)]
        return [v.numpy().copy() for v in found] + [s.numpy() for s in lstm.states] + [np.random.get_state()[1].copy()]

    before = state()
    gradlab.explain(loss, {"w": w})
    for a, b in zip(before, state(), strict=True):
        np.testing.assert_array_equal(a, b)

    def failing():
        loss()
        raise ArithmeticError("late")

    with pytest.raises(RuntimeError, match=r"late"):
        gradlab.explain(failing, {"w": w})
    for a, b in zip(before, state(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_status_is_that_of_a_plain_tape():
    g = tf.random.Generator.from_seed(3)
    w = tf.Variable(g.normal((3, 3)))

    def loss():
        return tf.reduce_sum(tf.tanh(w @ w) ** 2)

    with tf.GradientTape() as tape:
        value = loss()
    plain = tape.gradient(value, w)
    row = gradlab.explain(loss, {"w": w}).row("w")
    assert row.status == "ok" and row.cause is None
    assert row.norm == pytest.approx(float(tf.norm(plain)), rel=1e-5)


def test_nested_call_is_refused_and_leaves_no_trace():
    w = tf.Variable(1.0)

    def loss():
        gradlab.explain(lambda: w * 1.0, {"w": w})
        return w * 1.0

    with pytest.raises(RuntimeError, match=r"already"):
        gradlab.explain(loss, {"w": w})
    assert not hooks.installed()
    assert gradlab.explain(lambda: w * 1.0, {"w": w}).problems == []


def test_threads_do_not_disturb_each_other():
    found: dict[int, list] = {0: [], 1: []}
    barrier = threading.Barrier(2)

    def work(n: int) -> None:
        w = tf.Variable([1.0, 2.0])
        barrier.wait()
        for _ in range(5):
            if n == 0:
                row = gradlab.explain(lambda: tf.reduce_sum(tf.round(w) * w[0]), {"w": w}).row("w")
            else:
                row = gradlab.explain(lambda: tf.reduce_sum(tf.constant(w.numpy())), {"w": w}).row("w")
            found[n].append((row.status, row.cause))
        np.testing.assert_array_equal(w.numpy(), [1.0, 2.0])

    threads = [threading.Thread(target=work, args=(n,)) for n in (0, 1)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    # round() is flat almost everywhere: what flows through w[0] is the whole gradient.
    assert found[0] == [("ok", None)] * 5
    assert found[1] == [("none", "numpy-conversion")] * 5
    assert not hooks.installed()


def test_another_thread_runs_its_functions_as_graphs():
    modes, w = [], tf.Variable(1.0)
    go, done = threading.Event(), threading.Event()

    @tf.function
    def other(x):
        modes.append(tf.executing_eagerly())
        return x * 2.0

    def work():
        go.wait(10)
        other(tf.constant(1.0))
        done.set()

    thread = threading.Thread(target=work)
    thread.start()

    def loss():
        go.set()
        done.wait(10)
        return w * 1.0

    gradlab.explain(loss, {"w": w})
    thread.join()
    assert modes == [False]


def test_quick_level_does_not_run_again():
    runs, w = [], tf.Variable([1.0, 2.0])

    def loss():
        runs.append(1)
        return tf.reduce_sum(w**2)

    gradlab.explain(loss, {"w": w}, level="quick")
    assert len(runs) == 2
    gradlab.explain(loss, {"w": w})
    assert len(runs) > 4


def test_limit_on_ops_is_said(monkeypatch):
    monkeypatch.setattr("gradlab.doctor.recording.recorded_run.MAX_OPS", 5)
    w = tf.Variable(1.0)

    def loss():
        h = w * 1.0
        for _ in range(10):
            h = h * 1.1
        return h

    report = gradlab.explain(loss, {"w": w})
    assert report.row("w").status == "ok"
    assert any("only the first 5 ops" in n for n in report.notes)


def test_limit_on_runs_is_said(monkeypatch):
    monkeypatch.setattr("gradlab.doctor.analysis.finite_differences.Probe.spent", lambda self: True)
    w = tf.Variable(1.0)
    assert any("not every gradient was compared" in n for n in gradlab.explain(lambda: w * w, {"w": w}).notes)


def test_progress_after_two_seconds(capsys, monkeypatch):
    clock = iter(range(0, 10_000, 3))
    monkeypatch.setattr("gradlab.doctor.frontends.progress.time.monotonic", lambda: next(clock))
    monkeypatch.delenv("GRADLAB_STRICT")
    w = tf.Variable(1.0)
    gradlab.explain(lambda: w * w, {"w": w})
    assert capsys.readouterr() == ("", ""), "nothing goes into a pipe, and nothing to standard error"
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    gradlab.explain(lambda: w * w, {"w": w})
    out, err = capsys.readouterr()
    assert "\rgradlab.explain: " in out and out.endswith("\r") and err == ""


def test_layers_models_lists_and_keras_variables_as_sources():
    dense, x = keras.layers.Dense(2), tf.ones((1, 3))
    dense(x)

    def loss():
        return tf.reduce_sum(dense(x) ** 2)

    for sources in (dense, dense.trainable_variables, {"kernel": dense.kernel, "bias": dense.bias}, {"layer": dense}):
        report = gradlab.explain(loss, sources)
        assert [r.status for r in report.rows] == ["ok", "ok"], sources


def test_words_for_gradients_absent_by_design():
    w, bn = tf.Variable([[1.0, 2.0]]), keras.layers.BatchNormalization()
    bn(w)
    stop = gradlab.explain(lambda: tf.reduce_sum(tf.stop_gradient(w) * 2.0), {"w": w}).row("w")
    assert stop.by_design and "by design" in stop.message
    report = gradlab.explain(lambda: tf.reduce_sum(bn(w, training=False)), {"mean": bn.moving_mean})
    assert report.row("mean").by_design and "statistic" in report.row("mean").message


def test_without_the_private_functions_there_is_the_status_and_no_line(monkeypatch):
    monkeypatch.setattr(tf_internals, "self_test", lambda: "they are gone")
    monkeypatch.setattr(tf_internals, "_fault", None)
    w, u = tf.Variable([1.5], name="w"), tf.Variable([1.0], name="u")
    with gradlab.Tape() as tape:
        loss = tf.reduce_sum(tf.round(w) * u)
    assert tape.gradient(loss, [w, u])[0] is None
    reports = [tape.report(), gradlab.explain(lambda: tf.reduce_sum(tf.round(w) * u), {"w": w, "u": u})]
    for report in reports:
        assert [(r.status, r.cause, r.where) for r in report.rows] == [("none", None, []), ("ok", None, [])]
        assert any("they are gone" in n for n in report.notes)


def test_self_test_sees_broken_private_functions(monkeypatch):
    assert tf_internals.self_test() == ""
    with monkeypatch.context() as broken:
        broken.setattr(tf_internals, "put_op", lambda *args: None)
        assert "rebuilt" in tf_internals.self_test()
    with monkeypatch.context() as broken:
        broken.setattr(tf_internals, "_REPLACED", tuple((o, a, getattr(o, a)) for o, a, _ in tf_internals._REPLACED))
        assert "did not report" in tf_internals.self_test()
    with monkeypatch.context() as broken:

        def gone(*_):
            raise AttributeError("no TFE_Py_RecordGradient")

        broken.setattr(tf_internals, "_put_gradient", gone)
        assert "AttributeError" in tf_internals.self_test()
    assert tf_internals.self_test() == ""


def test_a_wrong_custom_gradient_is_told_from_a_missing_one():
    @tf.custom_gradient
    def cube(x):
        return x**3, lambda upstream: upstream * x**2

    w = tf.Variable(1.5)
    row = gradlab.explain(lambda: cube(w * 2.0), {"w": w}).row("w")
    assert (row.status, row.cause) == ("wrong", "custom-gradient")
    assert "backward function" in row.fix


def test_a_variable_that_cannot_be_put_back_is_told(monkeypatch):
    w = tf.Variable([1.0, 2.0], name="kept_state")

    def refuse(*_, **__):
        raise tf.errors.InvalidArgumentError(None, None, "the shapes do not match")

    monkeypatch.setattr(w, "assign", refuse)

    def loss():
        w.assign_add([1.0, 1.0])
        return tf.reduce_sum(w**2)

    told = [n for n in gradlab.explain(loss, {"w": w}, level="quick").notes if "could not be put back" in n]
    assert len(told) == 1 and "kept_state" in told[0]
