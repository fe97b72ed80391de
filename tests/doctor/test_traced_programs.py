"""What is said of a traced tape is what is said of the same program run eagerly (the programs: traced_programs.py)."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
import traced_programs
from samples import sampled
from traced_programs import PROGRAMS, eager

import gradlab

LINES = Path(traced_programs.__file__).read_text(encoding="utf-8").split("\n")


def statuses(program, function):
    """What a plain tape gives."""

    def status(gradient):
        if gradient is None:
            return "none"
        if not isinstance(gradient, tf.IndexedSlices) and not hasattr(gradient, "numpy"):
            return "symbolic"  # a train_step under fit hands its graph's tensors out
        values = np.asarray(tf.cast(tf.convert_to_tensor(gradient), tf.float64))
        return "not finite" if not np.isfinite(values).all() else "ok" if values.any() else "zero"

    if program.raises:
        with pytest.raises(Exception, match=r"No gradient defined|no entry for") as error:
            program.run(tf.GradientTape, function)
        return dict.fromkeys(program.rows, "raises"), type(error.value).__name__
    return {n: status(g) for n, g in program.run(tf.GradientTape, function).items()}, ""


def said(program, function):
    """What the doctor says: source -> (status, cause, text of the line)."""
    try:
        program.run(gradlab.Tape, function)
    except Exception:  # `statuses` has compared what is raised
        if not program.raises:
            raise
    report = gradlab.last_report()
    assert report is not None
    found = {}
    for row in report.rows:
        place = row.where[0] if row.where else None
        mine = place is not None and place.file == traced_programs.__file__
        found[row.name] = (str(row.status), row.cause, LINES[place.line - 1].strip() if mine else "")
    return found


def expected(program, statuses):
    return {n: (s, program.cause, program.line) if s != "ok" else ("ok", None, "") for n, s in statuses.items()}


@pytest.mark.parametrize("program", sampled(PROGRAMS.values(), 4, ids=lambda p: p.name))
def test_a_graph_is_told_as_the_eager_run_is(program):
    in_eager, in_graph = dict(program.rows), {**program.rows, **program.graph}
    plain, kind = statuses(program, eager)
    assert plain == in_eager and (kind == program.raises or not kind)
    for name, status in statuses(program, tf.function)[0].items():
        assert status in (in_graph[name], "symbolic")
    assert said(program, eager) == expected(program, in_eager)
    assert said(program, tf.function) == expected(program, in_graph)


def test_the_programs_are_many_and_of_every_kind():
    text = inspect.getsource(traced_programs)
    assert len(PROGRAMS) >= 25
    for part in (
        "LSTM",
        "GRU",
        "SimpleRNN",
        "while_loop",
        "scan",
        "TensorArray",
        "map_fn",
        ".fit(",
        "mixed_",
        "build(",
    ):
        assert part in text
    # Each expected line is the text of one line of code, and no other.
    code = [n.lineno for n in ast.walk(ast.parse(text)) if isinstance(n, ast.stmt)]
    for program in PROGRAMS.values():
        places = [n for n in dict.fromkeys(code) if LINES[n - 1].strip() == program.line]
        assert places or not program.line, program.line


@pytest.mark.skipif(keras.__version__ < "3", reason="legacy Keras builds a subclassed model's layers eagerly")
def test_what_build_computed_in_a_graph_of_keras_is_out_of_scope():
    class Net(keras.Model):
        def __init__(self):
            super().__init__()
            self.rnn, self.head = keras.layers.LSTM(2), traced_programs.Noisy()

        def call(self, x):
            return self.head(self.rnn(x))

    net = Net()
    with pytest.raises(TypeError, match="out of scope"), gradlab.Tape():
        net(tf.ones((2, 3, 2)))
    (row,) = gradlab.last_report().rows
    assert (str(row.status), row.cause) == ("raises", "before-tape")
    assert row.where[0].code == "self.sigma = tf.nn.softplus(self.rho)"
    assert "out of scope" in row.message and "\x1b" not in row.message
