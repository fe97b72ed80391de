"""gradlab.Tape, explain_call, %%explain and the command, on ordinary code."""

from __future__ import annotations

import argparse
import gc
import linecache
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow import GradientTape

import gradlab
from gradlab.doctor import explain_call
from gradlab.doctor.frontends import command, ipython
from gradlab.doctor.recording import hooks, session


@pytest.fixture(autouse=True)
def fresh():
    session.forget()
    yield
    gc.collect()
    assert not hooks.installed()
    assert session.current() is None


def test_tape_gives_the_same_gradients():
    g = tf.random.Generator.from_seed(1)
    w, x = tf.Variable(g.normal((3, 2))), g.normal((4, 3))

    def both(Tape):
        with Tape(persistent=True) as tape:
            tape.watch(x)
            y = tf.tanh(x @ w)
            loss = tf.reduce_sum(y**2)
        out = [tape.gradient(loss, [w, x]), tape.jacobian(y, w), tape.batch_jacobian(y, x)]
        out.append(tape.gradient(loss, {"w": w}, unconnected_gradients=tf.UnconnectedGradients.ZERO))
        names = [v.ref() for v in tape.watched_variables()]
        return tf.nest.flatten(out), names == [w.ref()]

    plain, same = both(tf.GradientTape)
    ours, same_too = both(gradlab.Tape)
    assert same and same_too
    for a, b in zip(plain, ours, strict=True):
        np.testing.assert_array_equal(a, b)


def test_tape_raises_the_same_exceptions():
    w = tf.Variable(1.0)

    def twice(Tape):
        with Tape() as tape:
            y = w * 2.0
        tape.gradient(y, w)
        tape.gradient(y, w)

    def target(Tape):
        with Tape() as tape:
            y = w * 2.0
        tape.gradient(float(y), w)

    for misuse in (twice, target):
        with pytest.raises(Exception) as plain:
            misuse(tf.GradientTape)
        with pytest.raises(type(plain.value)) as ours:
            misuse(gradlab.Tape)
        assert str(ours.value) == str(plain.value)
        assert gradlab.last_report().problems[0].status == "raises"


def test_report_of_a_tape():
    w = tf.Variable([1.0, 2.0])
    with gradlab.Tape() as tape:
        code = tf.floor(w * 2.0)
        loss = tf.reduce_sum(code)
    with pytest.raises(RuntimeError, match="no gradient call"):
        tape.report()
    assert tape.gradient(loss, w) is None
    row = tape.report().row("w")
    assert (row.cause, row.where[0].code) == ("no-gradient-op", "code = tf.floor(w * 2.0)")
    assert gradlab.last_report() is tape.report()


def test_explain_call_records_plain_tapes_whatever_the_import():
    methods = dict(tf.GradientTape.__dict__)

    def run(bug):
        w, u = tf.Variable([1.5, 2.0]), tf.Variable(2.0)
        with GradientTape() as tape:
            h = w * 3.0
            if bug:
                h = tf.cast(tf.cast(h, tf.int32), tf.float32)
            loss = tf.reduce_sum(h) * u
        return tape.gradient(loss, {"w": w, "u": u})

    report = explain_call(run, True)
    assert {r.name: r.status for r in report.rows} == {"w": "none", "u": "ok"}
    assert report.row("w").where[0].code == "h = tf.cast(tf.cast(h, tf.int32), tf.float32)"
    assert report.returned["w"] is None
    assert explain_call(run, False).problems == []
    assert dict(tf.GradientTape.__dict__) == methods


def test_explain_call_passes_exceptions_and_none():
    assert explain_call(lambda: 3) is None
    with pytest.raises(ZeroDivisionError):
        explain_call(lambda: 1 / 0)

    def late():
        w = tf.Variable(1.0)
        with tf.GradientTape() as tape:
            y = w * 1.0
        tape.gradient(y, w)
        raise ValueError("after the gradient")

    report = explain_call(late)
    assert isinstance(report.raised, ValueError) and report.row("w").status == "ok"


class Rounded(keras.Model):
    def __init__(self):
        super().__init__()
        self.front, self.back = keras.layers.Dense(3), keras.layers.Dense(1)

    def call(self, x):
        return self.back(tf.round(self.front(x) * 9.0))


class OwnStep(Rounded):
    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((self(x, training=True) - y) ** 2)
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
        return {"loss": loss}


@pytest.mark.parametrize("kind", [Rounded, OwnStep])
@pytest.mark.filterwarnings("ignore:Gradients do not exist")
def test_explain_call_on_fit(kind):
    keras.utils.set_random_seed(0)
    model = kind()
    model.compile("sgd", "mse")
    report = explain_call(model.fit, np.ones((8, 2)), np.ones((8, 1)), epochs=2, batch_size=4, verbose=0)
    assert [r.status for r in report.rows] == ["none", "none", "ok", "ok"]
    assert {r.cause for r in report.problems} == {"no-gradient-op"}
    assert report.problems[0].where[0].code == "return self.back(tf.round(self.front(x) * 9.0))"


def test_explain_call_on_nested_tapes():
    def run(bug):
        w = tf.Variable([0.3, 0.8])
        with tf.GradientTape() as outer:
            with tf.GradientTape() as inner:
                y = tf.reduce_sum(tf.sin(w))
            if not bug:
                slope = inner.gradient(y, w)
        if bug:
            slope = inner.gradient(y, w)
        return {"second": outer.gradient(slope, w)}

    assert explain_call(run, False).problems == []
    row = explain_call(run, True).problems[0]
    assert (row.cause, row.where[0].code) == ("after-tape", "slope = inner.gradient(y, w)")


def test_explain_call_inside_a_tf_function():
    w = tf.Variable([0.3, 0.8])

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            h = tf.floor(w * 5.0)
            loss = tf.reduce_sum(h)
        return tape.gradient(loss, [w], unconnected_gradients="none")[0] is None

    report = explain_call(step)
    assert report.problems[0].where[0].code == "h = tf.floor(w * 5.0)"


def test_long_training_loop_stays_small():
    w, sizes = tf.Variable([0.3, 0.8]), []

    def train():
        for _ in range(60):
            with tf.GradientTape() as tape:
                h = w
                for _ in range(100):
                    h = tf.tanh(h * 1.01)
                loss = tf.reduce_sum(h)
            w.assign_sub(0.1 * tape.gradient(loss, w))
            sizes.append(session.current().position())

    assert explain_call(train).problems == []
    assert max(sizes) < 2 * session.ROLL


class Shell:
    def __init__(self):
        self.magics, self.namespace = {}, {"tf": tf}

    def register_magic_function(self, function, magic_kind, magic_name):
        self.magics[magic_kind, magic_name] = function

    def run_cell(self, text):
        name = f"<ipython-input-{len(linecache.cache)}-abc>"
        linecache.cache[name] = (len(text), None, text.splitlines(True), name)
        exec(compile(text, name, "exec"), self.namespace)


def test_cell_magic(capsys):
    shell, shown = Shell(), []
    gradlab.load_ipython_extension(shell)
    assert ("cell", "explain") in shell.magics
    ipython.explain_cell(
        "",
        "w = tf.Variable(1.0)\nwith tf.GradientTape() as t:\n    y = tf.floor(w)\ng = t.gradient(y, w)\n",
        shell,
        shown.append,
    )
    assert [r.row("w").cause for r in shown] == ["no-gradient-op"]
    assert shell.namespace["g"] is None
    ipython.explain_cell("", "1 + 1", shell, shown.append)
    assert len(shown) == 1 and "no tf.GradientTape" in capsys.readouterr().out
    with pytest.raises(ValueError, match="no arguments"):
        ipython.explain_cell("x", "1", shell, shown.append)


SCRIPT = """import sys
import tensorflow as tf
w = tf.Variable(2.5)
with tf.GradientTape() as t:
    loss = tf.floor(w) * 1.0
print(sys.argv[1:], t.gradient(loss, w))
"""


def run_command(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    command.configure(parser)
    return command.run(parser.parse_args(arguments))


def test_command_explains_a_script(tmp_path, capsys):
    script, page = tmp_path / "train.py", tmp_path / "out.html"
    script.write_text(SCRIPT)
    before = list(sys.path), list(sys.argv)
    assert run_command("--html", str(page), str(script), "--epochs", "3") == 1
    out = capsys.readouterr().out
    assert "['--epochs', '3'] None" in out and "no-gradient-op" in out and "train.py:5" in out
    assert "tf.floor(w)" in page.read_text()
    assert (sys.path, sys.argv) == before
    script.write_text(SCRIPT.replace("tf.floor(w)", "tf.tanh(w)"))
    assert run_command(str(script)) == 0
    script.write_text(SCRIPT + "1 / 0\n")
    assert run_command("--json", str(script)) == 2
    done = capsys.readouterr()
    assert "ZeroDivisionError" in done.err and '"no-gradient-op"' in done.out
    assert run_command(str(tmp_path / "none.py")) == 2
    assert "there is no file" in capsys.readouterr().err
