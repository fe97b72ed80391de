"""Every exercise can be solved, and is not solved as it stands."""

import ast
from pathlib import Path

import jupytext
import numpy as np
import pytest
import tensorflow as tf

import gradlab

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"

# scenario -> replacements in the exercise's cell, each of a text that is there exactly once
SOLUTIONS = {
    "initial_state": [("np.zeros", "np.ones")],
    "computed_state": [
        ("    h = encoder(facts)  # mend this\n", ""),
        ("as tape:\n", "as tape:\n        h = encoder(facts)\n"),
    ],
    "learned_state": [("        h = tf.identity(h0)\n", "        tape.watch(h0)\n        h = tf.identity(h0)\n")],
    "integer_cast": [
        ("tf.cast(10 * h, tf.int32)  # mend this", "10 * h"),
        ("tf.cast((level - 5) ** 2, tf.float32)", "(level - 5) ** 2"),
    ],
    "rounding": [("jump(10 * h)  # mend this", "10 * h - tf.sin(2 * np.pi * 10 * h) / (2 * np.pi)")],
    "numpy_roundtrip": [("tf.constant(np.mean((h.numpy() - 1) ** 2))", "tf.reduce_mean((h - 1) ** 2)")],
    "raw_variable": [
        ('tf.Variable(tf.ones((3, 2)), name="w")', 'self.add_weight(shape=(3, 2), initializer="ones", name="w")')
    ],
    "unbuilt_layer": [
        ("variables = fresh.trainable_variables", "fresh(tf.zeros((1, 4, 3)))\nvariables = fresh.trainable_variables")
    ],
    "layer_in_call": [
        (
            "    def call(self, x):\n        return tf.keras",
            "    def __init__(self):\n        super().__init__()\n        self.dense = tf.keras",
        ),
        ("seed=1))(x)  # mend this\n", "seed=1))\n\n    def call(self, x):\n        return self.dense(x)\n"),
    ],
    "timestep_jacobian": [
        (
            "tape.gradient(h, x)[:, t])  # mend this: `each_unit` is a list",
            "tf.stack([tape.gradient(u, x)[:, t] for u in each_unit], axis=1))",
        )
    ],
    "cell_state_attribute": [
        ("tf.keras.layers.LSTM(lstm.units)", "tf.keras.layers.LSTM(lstm.units, return_state=True)"),
        ("c = returning(x)", "_, _, c = returning(x)"),
    ],
    "states_before_tape": [
        ("    _, _, c = lstm(x)\n", ""),
        ("tape.watch(x)\n", "tape.watch(x)\n        _, _, c = lstm(x)\n"),
    ],
    "tape_used_twice": [
        ("with tf.GradientTape() as tape:  # mend this", "with tf.GradientTape() as tape, tf.GradientTape() as other:"),
        ("tape.watch(x)\n", "tape.watch(x)\n        other.watch(x)\n"),
        ("tape.gradient(carried, x)", "other.gradient(carried, x)"),
    ],
    "assigned_state": [
        ("as tape:\n", "as tape:\n        h = tf.zeros((1, cell.units))\n"),
        ("[memory.read_value()])  # mend this", "[h])"),
        ("(memory - 1) ** 2", "(h - 1) ** 2"),
    ],
    "branch_condition": [
        ("tf.where(h > threshold, h, 0.1 * h)", "h * (0.1 + 0.9 * tf.sigmoid(10 * (h - threshold)))"),
    ],
    "numpy_function": [
        (
            'tf.numpy_function(lambda v: np.mean((v - 1) ** 2, dtype="float32"), [y], tf.float32)',
            "tf.reduce_mean((y - 1) ** 2)",
        )
    ],
    "straight_through": [("0 * upstream", "upstream")],
    "nested_tapes": [
        (
            "    slope = inner.gradient(y, x)  # mend this\n    loss",
            "        slope = inner.gradient(y, x)\n        loss",
        )
    ],
    "flat_function": [("20.0, 30.0", "-9.9, 9.9")],
    "where_over_log": [("tf.math.log(p)", "tf.math.log(tf.where(p > 0, p, 1.0))")],
    "norm_at_zero": [("tf.sqrt(tf.reduce_sum(gap**2, axis=-1))", "tf.sqrt(tf.reduce_sum(gap**2, axis=-1) + 1e-6)")],
    "slice_after_loss": [
        (
            "        loss = tf.reduce_mean((states[:, -1] - 1)",
            "        wanted = states[:, -1]\n        loss = tf.reduce_mean((wanted - 1)",
        ),
        ("    wanted = states[:, -1]  # mend this\n", ""),
    ],
}
FINE_AS_IT_IS = {"state_outside_tape"}  # that exercise asks the learner to break it


def exercises():
    """{scenario: the source of the cell that checks a repair of it}, from all notebooks."""
    found = {}
    for script in sorted(NOTEBOOKS.glob("[0-9]*.py")):
        for cell in jupytext.read(script, fmt="py:percent").cells:
            if cell.cell_type == "code" and 'check_repair("' in cell.source:
                found[cell.source.split('check_repair("')[1].split('"')[0]] = cell.source
    return found


EXERCISES = exercises()


def outcome(source):
    """Run a cell; the value of its last expression, as a notebook shows it."""
    tree = ast.parse(source)
    space = {"gradlab": gradlab, "tf": tf, "np": np}
    exec(compile(ast.Module(tree.body[:-1], []), "<exercise>", "exec"), space)
    return eval(compile(ast.Expression(tree.body[-1].value), "<exercise>", "eval"), space)


def test_every_exercise_has_a_solution_here():
    assert set(EXERCISES) == set(SOLUTIONS) | FINE_AS_IT_IS


@pytest.mark.parametrize("name", sorted(SOLUTIONS))
def test_an_exercise_is_open_until_it_is_solved(name):
    source = EXERCISES[name]
    assert not outcome(source).passed
    for old, new in SOLUTIONS[name]:
        assert source.count(old) == 1, f"{old!r} is not in the exercise once"
        source = source.replace(old, new)
    solved = outcome(source)
    assert solved.passed, repr(solved)


@pytest.mark.parametrize("name", sorted(FINE_AS_IT_IS))
def test_an_exercise_that_asks_for_a_break_begins_whole(name):
    assert outcome(EXERCISES[name]).passed
