"""A program under the doctor does what it does without: each test is one kind of harm that was once done."""

from __future__ import annotations

import argparse
import gc
import os
import random
import signal
import subprocess
import sys
import threading

import keras
import numpy as np
import pytest
import tensorflow as tf

import gradlab
from gradlab.doctor.frontends import command
from gradlab.doctor.recording import hooks, session
from gradlab.doctor.recording.snapshot import live_variables


@pytest.fixture(autouse=True)
def nothing_stays():
    session.forget()
    yield
    gc.collect()
    assert not hooks.installed()


def test_ops_without_a_second_derivative():
    """Another tape around the gradient call made these raise LookupError."""
    lstm = keras.layers.LSTM(3, activation="softsign", return_sequences=True)
    x = tf.random.normal((2, 4, 3))
    image = tf.random.normal((1, 4, 4, 2))
    compiled = tf.function(lambda v: tf.nn.local_response_normalization(v))
    lstm(x)

    def both(Tape):
        with Tape() as tape:
            tape.watch(x)
            y = lstm(x)
        jacobian = tape.batch_jacobian(y, x)
        with Tape() as tape:
            tape.watch(image)
            z = compiled(image)
        return jacobian, tape.gradient(z, image)

    for a, b in zip(both(tf.GradientTape), both(gradlab.Tape), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_compiled_function_of_an_iterator():
    w = tf.Variable([[1.0], [2.0]])

    @tf.function
    def epoch(batches):
        total = 0.0
        for _ in tf.range(2):
            total += tf.reduce_mean((next(batches) @ w) ** 2)
        return total

    def run(Tape):
        batches = iter(tf.data.Dataset.from_tensor_slices(tf.ones((8, 2))).batch(4))
        with Tape() as tape:
            loss = epoch(batches)
        return loss, tape.gradient(loss, w)

    for a, b in zip(run(tf.GradientTape), run(gradlab.Tape), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_tape_asked_and_freed_in_another_thread():
    w = tf.Variable([1.0, 2.0])
    found = []

    def elsewhere(work):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()

    with gradlab.Tape() as tape:
        loss = tf.reduce_sum(tf.round(w) + w**2)
    elsewhere(lambda: found.append(tape.gradient(loss, w)))
    np.testing.assert_array_equal(found[0], [2.0, 4.0])
    del tape
    kept = [gradlab.Tape(persistent=True)]
    with kept[0]:
        loss = tf.reduce_sum(w**2)
    assert session.current() is not None
    elsewhere(kept.clear)
    gc.collect()
    assert session.current() is None  # this thread records no more
    with gradlab.Tape() as tape:
        loss = tf.reduce_sum(tf.round(w))
    assert tape.gradient(loss, w) is None
    assert tape.report().rows[0].cause == "no-gradient-op"


def test_three_threads_explain_and_record_at_once():
    told, errors = [], []
    barrier = threading.Barrier(3)

    def work(n):
        try:
            w = tf.Variable([1.0, 2.0])
            barrier.wait()
            for _ in range(3):
                with gradlab.Tape() as tape:
                    loss = tf.reduce_sum(tf.round(w) if n else w**2)
                tape.gradient(loss, w)
                rows = [tape.report().rows[0], gradlab.last_report().rows[0]]
                rows.append(gradlab.explain(lambda: tf.reduce_sum(tf.round(w) if n else w**2), {"w": w}).rows[0])
                told.append((n, {str(r.status) for r in rows}, {r.cause for r in rows}))
        except Exception as error:  # shown by the assertion below
            errors.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(3)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not errors
    assert len(told) == 9
    for n, statuses, causes in told:
        assert len(statuses) == 1
        assert causes == ({"no-gradient-op"} if n else {None})


def test_a_tuple_that_another_thread_is_making_is_let_alone():
    """Whoever looks for the program's variables holds such a tuple for a moment; CPython then refuses to finish it."""
    begun, go_on, ended = threading.Event(), threading.Event(), threading.Event()
    made: list[object] = []

    def items():
        begun.set()
        go_on.wait(20)
        yield from range(20)  # more than a tuple from a generator starts with, so that it has to grow

    def work():
        try:
            made.append(tuple(items()))
        except SystemError as error:
            made.append(error)
        ended.set()

    class Slow(type(tf.Variable(1.0))):
        @property
        def handle(self):
            go_on.set()
            ended.wait(20)
            return super().handle

    slow = Slow(1.0)
    go_on.clear()
    ended.clear()
    thread = threading.Thread(target=work)
    thread.start()
    begun.wait(20)
    assert any(v is slow for v in live_variables())
    thread.join()
    assert made == [tuple(range(20))]


def test_the_last_report_is_that_of_the_last_call():
    w = tf.Variable(1.0, name="w")
    with gradlab.Tape() as tape:
        y = w * 2.0
    tape.gradient(y, {"first": w})
    assert gradlab.last_report().rows[0].name == "first"

    def work():
        assert gradlab.last_report() is None
        with gradlab.Tape() as inner:
            z = w * 3.0
        inner.gradient(z, {"second": w})

    thread = threading.Thread(target=work, name="worker-7")
    thread.start()
    thread.join()
    report = gradlab.last_report()
    assert report.rows[0].name == "second" and "worker-7" in report.title


@pytest.mark.parametrize("end", ["Ctrl-C", "sys.exit"])
def test_an_interrupted_explain_puts_everything_back(end):
    w, norm = tf.Variable([1.0, 2.0]), keras.layers.BatchNormalization()
    optimizer = keras.optimizers.Adam()
    optimizer.build([w])
    norm(tf.ones((2, 2)))

    def loss():
        y = tf.reduce_sum(norm(tf.reshape(w * np.random.normal(), (1, 2)), training=True))
        optimizer.apply_gradients([(tf.ones(2), w)])
        random.random()
        if end == "Ctrl-C":
            signal.raise_signal(signal.SIGINT)
        sys.exit(3)
        return y

    def state():
        variables = [w, *norm.variables, *optimizer.variables]
        return [np.asarray(tf.convert_to_tensor(v)) for v in variables], np.random.get_state()[1], random.getstate()

    before = state()
    with pytest.raises(KeyboardInterrupt if end == "Ctrl-C" else SystemExit):
        gradlab.explain(loss, {"w": w})
    after = state()
    for a, b in zip(before[0], after[0], strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(before[1], after[1])
    assert before[2] == after[2]


def test_global_generators_go_on_as_they_would_have():
    w = tf.Variable([1.0, 2.0])

    def draws(between):
        tf.random.set_seed(4)
        np.random.seed(5)
        random.seed(6)
        first = tf.random.normal([2])
        between()
        return np.concatenate([first, tf.random.normal([2]), [np.random.normal(), random.random()]])

    plain = draws(lambda: None)
    explained = draws(lambda: gradlab.explain(lambda: tf.reduce_sum(w * tf.random.normal([2])), {"w": w}))
    compared = draws(lambda: gradlab.compare("integer_cast"))
    np.testing.assert_array_equal(plain, explained)
    np.testing.assert_array_equal(plain, compared)


def test_a_function_that_caches_keeps_its_gradients():
    """The recorded run came first, and the plain run was handed its values, which no tape had seen."""
    w, cache = tf.Variable([1.0, 2.0]), {}

    def loss():
        if "y" not in cache:
            cache["y"] = tf.reduce_sum(w**2)
        return cache["y"] * 1.0

    assert gradlab.explain(loss, {"w": w}, level="quick").row("w").status == "ok"


def test_arrays_lists_and_variables_that_change_after_the_op():
    v, array, parts = tf.Variable([1.0, 2.0]), np.array([3.0, 4.0], np.float32), [tf.ones(2), tf.ones(2)]
    with gradlab.Tape(persistent=True) as tape:
        y = tf.square(v) * array
        z = tf.reduce_sum(tf.concat(parts, 0)) + tf.reduce_sum(y) + tf.reduce_sum(tf.round(v))
    array[:] = 0.0
    parts.clear()
    v.assign([50.0, 60.0])
    np.testing.assert_array_equal(tape.gradient(z, v), [6.0, 16.0])
    call = session.last_of(tape._gradlab.log).call.call()
    np.testing.assert_array_equal(call.trace.tape.gradient(z, v), [6.0, 16.0])
    tape.report()
    del tape, call


SCRIPT = """import sys, tensorflow as tf
tf.config.threading.set_inter_op_parallelism_threads(2)
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2)
from . import helper
w = tf.Variable(tf.ones((3, 1)), name="w")

class Agent:
    @tf.function
    def update(self, x):
        return helper.learn(w, x)

print("LOSS", float(Agent().update(tf.ones((2, 3)))), sys.argv[1:])
sys.exit("stopped \\u2205 here")
"""
HELPER = """import tensorflow as tf

def learn(w, x):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.round(x @ w) ** 2)
    tape.gradient(loss, w)
    return loss
"""


def test_the_command_on_a_module_that_configures_devices_and_exits_with_a_message(tmp_path):
    """In one process: tf.config at the top, -m and a relative import, a helper's tape in a tf.function, an ASCII
    terminal, and sys.exit with a message."""
    package = tmp_path / "training"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "main.py").write_text(SCRIPT, encoding="utf-8")
    (package / "helper.py").write_text(HELPER, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "gradlab.cli", "explain", "-m", "training.main", "--epochs", "3"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert "LOSS 9.0 ['--epochs', '3']" in done.stdout
    assert "no-gradient-op" in done.stdout and "helper.py:5" in done.stdout
    assert "stopped \\u2205 here" in done.stderr


def explained(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    command.configure(parser)
    return command.run(parser.parse_args(arguments))


def test_the_command_keeps_its_report(tmp_path, capsys, monkeypatch):
    script = tmp_path / "s.py"
    body = "import tensorflow as tf\nw = tf.Variable(2.5)\nwith tf.GradientTape() as t:\n    y = tf.floor(w) * 1.0\nt.gradient(y, w)\n"
    script.write_text(body + "import signal\nsignal.raise_signal(signal.SIGINT)\n")
    assert explained(str(script)) == 130
    done = capsys.readouterr()
    assert "no-gradient-op" in done.out and "KeyboardInterrupt" in done.err
    script.write_text(body)
    assert explained("--html", str(tmp_path / "none" / "a.html"), str(script)) == 2
    done = capsys.readouterr()
    assert "there is no folder" in done.err and done.out == ""
    monkeypatch.setattr(command, "unusable", lambda args: "")  # the disk fills up while the script runs
    assert explained("--html", str(tmp_path / "none" / "a.html"), str(script)) == 2
    done = capsys.readouterr()
    assert "was not written" in done.err and "no-gradient-op" in done.out
    monkeypatch.undo()
    script.write_text(body + "import sys\nsys.exit(0)\n")
    assert explained(str(script)) == 1


def test_functions_stay_compiled_while_everything_is_recorded():
    w, modes = tf.Variable([1.0, 2.0]), []

    @tf.function
    def step():
        modes.append(tf.executing_eagerly())
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.round(w) * 2.0)
        tape.gradient(loss, w)
        return loss

    report = gradlab.doctor.explain_call(lambda: [step() for _ in range(3)])
    assert modes == [False]
    assert report.rows[0].cause == "no-gradient-op"
