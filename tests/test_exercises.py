"""Every exercise can be solved, and is not solved as it stands, unless only the other Keras has its bug."""

import ast
import re
from pathlib import Path

import jupytext
import numpy as np
import pytest
import tensorflow as tf
from kerases import only_there

import gradlab

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"

# scenario -> replacements in the exercise's cell, each of a text that is there exactly once
SOLUTIONS = {
    "initial_state": [("np.zeros", "np.ones")],
    "state_outside_tape": [
        (
            "        loss = tf.reduce_mean((h - 1) ** 2)\n",
            "        loss = tf.reduce_mean((tf.constant(h.numpy()) - 1) ** 2)\n",
        )
    ],
    "computed_state": [
        ("    h = encoder(facts)  # mend this\n", ""),
        ("as tape:\n", "as tape:\n        h = encoder(facts)\n"),
    ],
    "learned_state": [("        h = tf.identity(h0)\n", "        tape.watch(h0)\n        h = tf.identity(h0)\n")],
    "integer_cast": [
        ("tf.cast(10 * h, tf.int32)", "10 * h"),
        ("tf.cast((level - 5) ** 2, tf.float32)", "(level - 5) ** 2"),
    ],
    "rounding": [("jump(10 * h)", "10 * h - tf.sin(2 * np.pi * 10 * h) / (2 * np.pi)")],
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
            "tape.gradient(h, x)[:, t])  # `each_unit` is a list",
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
        ("with tf.GradientTape() as tape:", "with tf.GradientTape() as tape, tf.GradientTape() as other:"),
        ("tape.watch(x)\n", "tape.watch(x)\n        other.watch(x)\n"),
        ("tape.gradient(carried, x)", "other.gradient(carried, x)"),
    ],
    "watched_state": [("tape.watch(c)", "tape.watch([h, c])")],
    "state_leaves": [("            h = tf.constant(record[t : t + 1])\n", "")],
    "two_tapes": [
        (
            "    for window in (x1, x2):\n        with tf.GradientTape() as tape:\n",
            "    with tf.GradientTape() as tape:\n        for window in (x1, x2):\n",
        )
    ],
    "stateful_layer": [
        ("        keeper(x1)\n", "        _, h, c = plain(x1)\n"),
        ("list(keeper.states)", "[h, c]"),
    ],
    "one_state_for_two": [("encoded = encoder(read)[0]", "_, h, c = encoder(read)"), ("[encoded]", "[h, c]")],
    "bidirectional_state": [
        (
            "[join([forward_h, backward_h]), join([forward_c, backward_c])]",
            "[fit_h(join([forward_h, backward_h])), fit_c(join([forward_c, backward_c]))]",
        )
    ],
    "ignored_encoder": [("[tf.zeros_like(h), tf.zeros_like(c)]", "[h, c]")],
    "encoder_before_tape": [
        ("    _, h, c = encoder(x)\n", ""),
        ("        guess", "        _, h, c = encoder(x)\n        guess"),
    ],
    "assigned_state": [
        ("        for t in", "        h = tf.zeros_like(memory)\n        for t in"),
        ("[memory.read_value()]", "[h]"),
        ("            memory.assign(h)\n", ""),
        ("(memory - 1)", "(h - 1)"),
    ],
    "branch_condition": [
        ("tf.where(h > threshold, h, 0.1 * h)", "0.1 * h + 0.9 * h * tf.sigmoid(10 * (h - threshold))")
    ],
    "numpy_function": [
        (
            'tf.numpy_function(lambda v: np.mean((v - 1) ** 2, dtype="float32"), [y], tf.float32)',
            "tf.reduce_mean((y - 1) ** 2)",
        )
    ],
    "straight_through": [("0 * upstream", "upstream")],
    "nested_tapes": [("    slope = ", "        slope = "), ("    loss = ", "        loss = ")],
    "flat_function": [("tf.clip_by_value(10 * h, 20.0, 30.0)", "10 * h")],
    "where_over_log": [("tf.math.log(p), 0.0)", "tf.math.log(tf.where(p > 0, p, 1.0)), 0.0)")],
    "norm_at_zero": [("tf.reduce_sum(gap**2, axis=-1))", "tf.reduce_sum(gap**2, axis=-1) + 1e-12)")],
    "slice_after_loss": [
        ("(states[:, -1] - 1)", "(wanted - 1)"),
        ("        states = layer(x)\n", "        wanted = layer(x)[:, -1]\n"),
        ("    wanted = states[:, -1]\n", ""),
    ],
}


def exercises():
    """{scenario: the source of the cell that checks a repair of it}, from all notebooks."""
    found = {}
    for script in sorted(NOTEBOOKS.glob("[0-9]*.py")):
        for cell in jupytext.read(script, fmt="py:percent").cells:
            checked = re.search(r'check_(?:repair|break)\("(\w+)"', cell.source)
            if cell.cell_type == "code" and checked:
                found[checked[1]] = cell.source
    return found


EXERCISES = exercises()


def outcome(source):
    """Run a cell; the value of its last expression, as a notebook shows it."""
    tree = ast.parse(source)
    space = {"gradlab": gradlab, "tf": tf, "np": np}
    exec(compile(ast.Module(tree.body[:-1], []), "<exercise>", "exec"), space)
    return eval(compile(ast.Expression(tree.body[-1].value), "<exercise>", "eval"), space)


def test_every_exercise_has_a_solution_here():
    assert set(EXERCISES) == set(SOLUTIONS)


@pytest.mark.parametrize("name", sorted(SOLUTIONS))
def test_an_exercise_is_open_until_it_is_solved(name):
    source = EXERCISES[name]
    assert outcome(source).passed == only_there(name)
    for old, new in SOLUTIONS[name]:
        assert source.count(old) == 1, f"{old!r} is not in the exercise once"
        source = source.replace(old, new)
    solved = outcome(source)
    assert solved.passed, repr(solved)
