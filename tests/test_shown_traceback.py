"""The user's frames of a traceback stay, gradlab's between them go, and a fault of gradlab's stays whole."""

from __future__ import annotations

import io
import os
import sys
import threading
import traceback

import pytest
import tensorflow as tf

import gradlab
from gradlab.runtime import shown_traceback
from gradlab.runtime.shown_traceback import without_hooks

HOOKS = os.path.join(shown_traceback._OURS, "doctor", "recording", "hooks.py")


def raised(text: str, inner: object) -> BaseException:
    names = {"inner": inner}
    exec(compile(text, HOOKS, "exec"), names)
    try:
        names["hooked"]()
    except ValueError as error:
        return error
    raise AssertionError


def users():
    try:
        return {}["first"]
    except KeyError as first:
        raise ValueError("of the user's") from first


def test_recording_frames_go_and_the_users_stay():
    error = raised("def hooked():\n    return inner()\n", users)
    assert any("hooks.py" in line for line in traceback.format_exception(error))
    shown = "".join(traceback.format_exception(without_hooks(error)))
    assert "hooks.py" not in shown
    assert "in users" in shown and "in raised" in shown and "KeyError: 'first'" in shown and "of the user's" in shown


def test_a_fault_of_gradlabs_own_keeps_its_frames():
    error = raised("def hooked():\n    raise ValueError('gradlab')\n", None)
    assert any("hooks.py" in line for line in traceback.format_exception(without_hooks(error)))


def test_what_a_recorded_conversion_raises_reads_as_without_gradlab():
    pair = tf.constant([1.0, 2.0])

    def shown(tape):
        with tape:
            try:
                bool(pair)
            except ValueError as error:
                return [(f.name, f.line) for f in traceback.extract_tb(without_hooks(error).__traceback__)]

    assert shown(gradlab.Tape()) == shown(tf.GradientTape())


@pytest.fixture
def hooks(monkeypatch):
    """The hooks of Python's own, put back afterwards."""
    monkeypatch.setattr(sys, "excepthook", sys.__excepthook__)
    monkeypatch.setattr(threading, "excepthook", threading.__excepthook__)


def ask_twice(Tape):
    w = tf.Variable([1.0, 2.0])
    with Tape() as tape:
        loss = tf.reduce_sum(w**2)
    tape.gradient(loss, w)
    tape.gradient(loss, w)


def shown_at_the_end(Tape, monkeypatch):
    """What Python prints when this exception ends a program."""
    out = io.StringIO()
    monkeypatch.setattr(sys, "stderr", out)
    with pytest.raises(RuntimeError) as caught:
        ask_twice(Tape)
    sys.excepthook(RuntimeError, caught.value, caught.value.__traceback__)
    return out.getvalue()


@pytest.mark.usefixtures("hooks")
def test_an_exception_that_ends_a_program_is_shown_as_with_a_plain_tape(monkeypatch):
    assert shown_at_the_end(gradlab.Tape, monkeypatch) == shown_at_the_end(tf.GradientTape, monkeypatch)


@pytest.mark.usefixtures("hooks")
def test_an_exception_that_ends_a_thread_is_shown_as_with_a_plain_tape(monkeypatch):
    def shown(Tape):
        out = io.StringIO()
        monkeypatch.setattr(sys, "stderr", out)
        thread = threading.Thread(target=ask_twice, args=(Tape,), name="learner")
        thread.start()
        thread.join()
        return out.getvalue()

    assert shown(gradlab.Tape) == shown(tf.GradientTape)


def test_hooks_of_the_users_own_stay(monkeypatch):
    def own(*_):
        raise AssertionError

    monkeypatch.setattr(sys, "excepthook", own)
    monkeypatch.setattr(threading, "excepthook", own)
    with pytest.raises(RuntimeError):
        ask_twice(gradlab.Tape)
    assert sys.excepthook is own and threading.excepthook is own
