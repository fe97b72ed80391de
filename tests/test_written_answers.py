"""What the notebooks' own checks say to answers that are wrong or half right: a lesson that calls them right teaches them.

Each answer takes the place of the definition of its name in the cell where a learner writes it. The right answers are the
solutions of the notebooks, which test_answers.py runs.
"""

import ast
import contextlib
import io
import re
import textwrap

import numpy as np
import pytest
import tensorflow as tf
from kerases import HERE
from samples import sampled
from solutions import DONE, NOT_DONE, WHOLE, tags

import gradlab

# What the cell needs of those before it, by what they contain; in 13 no training is repeated
BEFORE = {
    "complete": ["class Plain("],
    "truncated": [],
    "slope": [],
    "mine": [],
    "careful_mean": [],
    "padding_is_ignored": ["def make(", "class Scale("],
    "careful_clip": ["def train(", "def flat("],
    "my_root": ["def network("],
    "my_loop": ["def network("],
    "Counting": ["def network(", "def built("],
}

# name: (notebook, the answer, what is said of it)
WRONG = {
    "None for the kernel": (
        "10",
        "mine",
        """
        def mine(kernel, bias, x):
            sources = {"kernel": kernel, "bias": bias}
            bias.assign(tf.fill(bias.shape, 0.0))
            with tf.GradientTape() as tape:
                y = tf.nn.relu(x @ kernel.numpy() + bias)
                loss = tf.reduce_mean((y - 1) ** 2)
            return loss, sources, tape.gradient(loss, sources)
        """,
        "not yet: hint, x @ kernel is seldom above 2 ({'kernel': False, 'bias': True})",
    ),
    "the record is not kept": (
        "05",
        "mine",
        """
        def mine(cell, x, record):
            sources = {"kernel": cell.kernel, "recurrent_kernel": cell.recurrent_kernel, "bias": cell.bias, "x": x}
            with tf.GradientTape() as tape:
                tape.watch(x)
                h = c = tf.zeros((1, cell.units))
                for t in range(x.shape[1]):
                    _, [h, c] = cell(x[:, t], [h, c])
                loss = tf.reduce_mean((h - 1) ** 2)
            return loss, sources, tape.gradient(loss, sources)
        """,
        "record does not hold the state h of step 0, 1, 2, 3, 4, 5",
    ),
    "a constant for a batch of padding": (
        "16",
        "careful_mean",
        """
        def careful_mean(losses, real):
            if tf.reduce_sum(real) == 0:
                return tf.constant(0.0)
            return tf.reduce_sum(losses * real) / tf.reduce_sum(real)
        """,
        "gradient none",
    ),
    "five zeros alone": (
        "16",
        "padding_is_ignored",
        """
        def padding_is_ignored(network, tokens):
            return bool(np.allclose(network(tokens), network(tf.pad(tokens, [[0, 0], [0, 5]])), atol=1e-6))
        """,
        "not yet: [True, False, False, True]",
    ),
    "a number that is no tensor": (
        "16",
        "careful_mean",
        """
        def careful_mean(losses, real):
            return tf.reduce_sum(losses * real) / tf.reduce_sum(real) if tf.reduce_sum(real) > 0 else 0.0
        """,
        "gradient none",
    ),
    "a loss of one for a batch of padding": (
        "16",
        "careful_mean",
        """
        def careful_mean(losses, real):
            number = tf.reduce_sum(real)
            return tf.reduce_sum(losses * real) / tf.maximum(number, 1.0) + tf.maximum(1.0 - number, 0.0)
        """,
        "padding alone: loss 1,",
    ),
    "a stop before every window": (
        "05",
        "truncated",
        """
        def truncated(cell, x, window):
            with tf.GradientTape() as tape:
                h = c = tf.zeros((1, cell.units))
                for t in range(x.shape[1]):
                    if t % window == 0:
                        h, c = tf.stop_gradient(h), tf.stop_gradient(c)
                    _, [h, c] = cell(x[:, t], [h, c])
                loss = tf.reduce_mean((h - 1) ** 2)
            return tape.gradient(loss, cell.trainable_variables)
        """,
        "a window of 4 steps: not yet: other numbers",
    ),
    "only None is looked for": (
        "03",
        "complete",
        """
        def complete(tape, gradients, variables):
            if not gradients or any(g is None for g in gradients):
                raise ValueError("a gradient is None")
        """,
        "one of two variables is not in the list: not yet; no exception",
    ),
    "it raises for what is right": (
        "03",
        "complete",
        """
        def complete(tape, gradients, variables):
            if len(tape.watched_variables()) != len(variables) or any(g.no_such for g in gradients):
                raise ValueError("lost")
        """,
        "every gradient is there: not yet; AttributeError: ",
    ),
    "zero for None": (
        "08",
        "slope",
        """
        def slope(y, x):
            arrived = {id(y): 1.0}
            for result, inputs in reversed(record):
                for v, s in inputs:
                    arrived[id(v)] = arrived.get(id(v), 0.0) + arrived.get(id(result), 0.0) * s
            return arrived.get(id(x))
        """,
        "used, but not for y: not yet, None was expected and 0.0 found",
    ),
    "each tensor by its own norm": (
        "13",
        "careful_clip",
        """
        def careful_clip(gradients):
            return [tf.where(tf.math.is_finite(g), tf.clip_by_norm(g, 1.0), 0.0) for g in gradients]
        """,
        "a long one: not yet, ",
    ),
    "always of length 1": (
        "13",
        "careful_clip",
        """
        def careful_clip(gradients):
            norm = tf.linalg.global_norm(gradients)
            return [tf.where(tf.math.is_finite(norm), g / norm, tf.zeros_like(g)) for g in gradients]
        """,
        "a short one: not yet, ",
    ),
    "not finite entries alone": (
        "13",
        "careful_clip",
        """
        def careful_clip(gradients):
            return tf.clip_by_global_norm([tf.where(tf.math.is_finite(g), g, 0.0) for g in gradients], 1.0)[0]
        """,
        "with an inf: not yet, ",
    ),
    "the root of the size": (
        "17",
        "my_root",
        """
        def my_root(values):
            return tf.sqrt(tf.abs(values) + 1e-6)
        """,
        "not yet: for 1, 4, 9 and -4 it gives",
    ),
    "watched after the update": (
        "17",
        "my_loop",
        """
        def my_loop(model, watch):
            for start in range(0, len(x), 16):
                with tf.GradientTape() as tape:
                    loss = tf.reduce_mean((model(x[start : start + 16]) - y[start : start + 16]) ** 2)
                variables = model.trainable_variables
                gradients = tape.gradient(loss, variables)
                model.optimizer.apply_gradients(zip(gradients, variables))
                watch.step(gradients, variables, loss)
        """,
        "it comes before `apply_gradients`",
    ),
    "a number of a tensor in a compiled step": (
        "17",
        "Counting",
        """
        class Counting(tf.keras.Model):
            def __init__(self):
                super().__init__(name="model")
                self.last = layers.Dense(1, name="last")
                self.steps = 0

            def call(self, inputs):
                return self.last(inputs)

            def train_step(self, data):
                self.steps = int(self.optimizer.iterations) + 1
                return super().train_step(data)
        """,
        "not yet, your code raised ",
    ),
}


def replaced(source, name, answer):
    """The cell with this answer in the place of the definition of `name`."""
    node = next(n for n in ast.parse(source).body if getattr(n, "name", "") == name)
    lines = source.splitlines()
    return "\n".join([*lines[: node.lineno - 1], textwrap.dedent(answer), *lines[node.end_lineno :]])


def said_of(number, name, answer):
    cells = [c for c in WHOLE[next(n for n in WHOLE if n.startswith(number))].cells if c.cell_type == "code"]
    space = {"keras": HERE, "gradlab": gradlab, "np": np, "tf": tf}
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        for mark in BEFORE[name]:
            exec(next(c.source for c in cells if mark in c.source and not tags(c) & {"exercise", "write"}), space)
        said.truncate(0)
        # Several exercises of a notebook may be called `mine`: the one with these arguments is meant
        header = re.escape(textwrap.dedent(answer).strip().partition("\n")[0].rstrip(":"))
        cell = next(
            c.source for c in cells if tags(c) & {"exercise", "write"} and re.search(f"^{header}", c.source, re.M)
        )
        cell = cell.replace("steps=100", "steps=2")  # of the training that follows the check of single lists
        exec(replaced(cell, name, answer), space)
    return said.getvalue()


@pytest.mark.parametrize("answer", sampled(WRONG, every=3))
def test_a_wrong_answer_is_told_what_is_wrong(answer):
    number, name, code, words = WRONG[answer]
    said = said_of(number, name, code)
    assert words in said and (NOT_DONE.search(said) or not DONE.search(said)), said


@pytest.mark.parametrize(
    ("held_at", "words"),
    [
        ("(20.0, 20.0)", "is exactly 0: not yet: it vanishes. Hint: both slopes are small"),
        ("(0.0, 3.0)", "right, it explodes"),
        ("(3.0, 0.0)", "not yet: it vanishes. Hint: the number on the diagonal"),
    ],
)
def test_units_held_anywhere_get_an_answer(held_at, words):
    """The exercise of notebook 12 asks to saturate both units: the gradient is then exactly zero, whose logarithm has no digits."""
    cells = WHOLE["12_vanishing_and_exploding"].cells
    cell = next(c.source for c in cells if "exercise" in tags(c) and "held_at = (0.0, 0.0)" in c.source)
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(cell.replace("held_at = (0.0, 0.0)", f"held_at = {held_at}"), {"gradlab": gradlab})
    assert words in said.getvalue()
