"""What no graph shows and the command still tells: zeros and the first NaN of a `fit`, and variables that Keras 3 does not list.

Each program is run by `gradlab explain --json` in this process. The line that is meant carries the mark `# <--`; what
the program prints must be there once: the step that runs again for the report is not the program's own.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import warnings
from pathlib import Path
from typing import Any

import keras
import pytest

from gradlab.cli import main

LEGACY = os.environ.get("TF_USE_LEGACY_KERAS") == "1" or not keras.__version__.startswith("3")
HEAD = """
import keras, numpy as np, tensorflow as tf
keras.utils.set_random_seed(5)
r = np.random.RandomState(0)
x, y = r.randn(12, 3).astype("float32"), r.randn(12, 1).astype("float32")
Dense = keras.layers.Dense
"""

DEAD_UNITS = """
model = keras.Sequential([keras.Input((3,)), Dense(4, "tanh", name="body")])
model.add(Dense(3, "relu", bias_initializer=keras.initializers.Constant(-9.0), name="dead"))  # <--
model.add(Dense(1, name="head"))
model.compile("sgd", "mse")
model.fit(x, y, batch_size=4, verbose=0)
"""

LOSS_WEIGHTS = """
given = keras.Input((3,))
body = Dense(4, "tanh", name="body")(given)
model = keras.Model(given, [Dense(1, name="near")(body), Dense(1, name="far")(body)])
shares = [1.0, 0.0]  # <--
model.compile(
    "sgd",
    loss=["mse", "mse"],
    loss_weights=shares,
)
other = keras.Model(given, body)
other.compile("sgd", "mse", loss_weights=[2.0])
model.fit(x, [y, y], batch_size=4, verbose=0)
"""

DENSITY = """
class Density(keras.Model):
    def __init__(self):
        super().__init__()
        self.scale, self.shift = Dense(3, "tanh", name="scale"), Dense(3, name="shift")

    def call(self, given):
        mask = tf.zeros(3)
        return given * tf.exp(self.scale(given)) + mask * self.shift(given)  # <--

    def train_step(self, data):
        print("traced")
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(self(data) ** 2)
        grads = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(grads, self.trainable_variables))
        return {"loss": loss}

model = Density()
model(x)
model.compile("sgd")
model.optimizer.build(model.trainable_variables)
"""

BY_ARRAY = DENSITY + "model.fit(x, batch_size=4, verbose=0)\n"
BY_DATASET = DENSITY + "model.fit(tf.data.Dataset.from_tensor_slices(x).shuffle(12).batch(4), verbose=0)\n"

TWO_TAPES = """
class Pair(keras.Model):
    def __init__(self):
        super().__init__()
        self.a, self.b = Dense(2, name="a"), Dense(1, name="b")

    def call(self, given):
        return self.b(self.a(given))

    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as one:
            h = tf.nn.relu(self.a(x) - 50.0)  # <--
            first = tf.reduce_mean(h)
        self.optimizer.apply_gradients(zip(one.gradient(first, self.a.trainable_variables), self.a.trainable_variables))
        with tf.GradientTape() as two:
            second = tf.reduce_mean((self(x) - y) ** 2)
        self.optimizer.apply_gradients(zip(two.gradient(second, self.b.trainable_variables), self.b.trainable_variables))
        return {"first": first, "second": second}

model = Pair()
model(x)
model.compile("sgd")
model.optimizer.build(model.trainable_variables)
model.fit(x, y, batch_size=4, verbose=0)
"""

FIRST_NAN = """
class Distance(keras.layers.Layer):
    def call(self, both):
        a, b = both
        return tf.sqrt(tf.reduce_sum((a - b) ** 2, -1, keepdims=True))  # <--

one, two = keras.Input((3,)), keras.Input((3,))
tower = Dense(4, "tanh", name="tower")
model = keras.Model([one, two], Dense(1, name="out")(Distance()([tower(one), tower(two)])))
model.compile("sgd", "mse")
other = x[::-1].copy()
other[9] = x[9]
model.fit([x, other], y, batch_size=4, shuffle=False, verbose=0)
"""

CHECKED = """
class Checked(keras.Model):
    def __init__(self):
        super().__init__()
        self.tower = Dense(4, "tanh", name="tower")

    def call(self, given):
        return self.tower(given)

    def train_step(self, data):
        print("traced")
        one, two = data
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.norm(self(one) - self(two), axis=-1))  # <--
        grads = tape.gradient(loss, self.trainable_variables)
        grads = [tf.debugging.check_numerics(g, "a gradient") for g in grads]
        self.optimizer.apply_gradients(zip(grads, self.trainable_variables))
        return {"loss": loss}

model = Checked()
model(x)
model.compile("sgd")
other = x[::-1].copy()
other[1] = x[1]
try:
    model.fit(x, other, batch_size=4, shuffle=False, verbose=0)
except tf.errors.InvalidArgumentError:
    pass
"""

PLAIN_VARIABLE = """
class Scaled(keras.layers.Layer):
    def __init__(self):
        super().__init__()
        self.inner = Dense(2, name="inner")
        self.gain = tf.Variable([1.0, 2.0], name="gain")  # <--

    def call(self, given):
        return self.gain * self.inner(given)

model = keras.Sequential([keras.Input((3,)), Scaled(), Dense(1, name="head")])
model.compile("sgd", "mse")
model.fit(x, y, batch_size=6, verbose=0)
with tf.GradientTape() as tape:
    loss = tf.reduce_mean((model(x) - y) ** 2)
grads = tape.gradient(loss, model.trainable_variables)
"""

KEPT_BY_HAND = (
    PLAIN_VARIABLE.replace("  # <--", "")
    + """
model.layers[0].gain.assign([0.5, 1.0])
"""
)

NOTHING_TO_TRAIN = """
class Line(keras.Model):
    def __init__(self):
        super().__init__()
        self.slope = tf.Variable(2.0)  # <--

    def call(self, given):
        return self.slope * given

model = Line()
model.compile("sgd", "mse")
model.fit(x[:, :1], y, batch_size=6, verbose=0)
"""

COMPILED = """
first, head = Dense(3, name="first"), Dense(1, name="head")
head(first(x))
weights = first.trainable_variables + head.trainable_variables

@tf.function
def step(given):
    print("traced")
    with tf.GradientTape() as tape:
        h = tf.nn.relu(first(given) - 50.0)  # <--
        loss = tf.reduce_mean((head(h) - 1.0) ** 2)
    for v, g in zip(weights, tape.gradient(loss, weights)):
        v.assign_sub(0.1 * g)
    return loss

for _ in range(3):
    loss = step(x)
"""

GENERATOR = DEAD_UNITS.replace(
    "model.fit(x, y, batch_size=4, verbose=0)",
    """
def batches():
    while True:
        yield x[:6], y[:6]
        yield x[6:], y[6:]
model.fit(batches(), steps_per_epoch=2, verbose=0)
""",
)

# Classes that weigh, batches by number, and the NaN in the second of them.
BY_NUMBER = """
class Distance(keras.layers.Layer):
    def call(self, given):
        return tf.sqrt(tf.reduce_sum((given - 1.0) ** 2, -1, keepdims=True))  # <--

class Rows(keras.utils.Sequence):
    def __len__(self):
        return 3

    def __getitem__(self, i):
        given = x[4 * i : 4 * i + 4].copy()
        given[0] = 1.0 if i == 1 else 0.5
        return given, (y[4 * i : 4 * i + 4] > 0).astype("float32")

layer = keras.layers.Dense(3, use_bias=False, kernel_initializer="identity", name="body")
model = keras.Sequential([keras.Input((3,)), layer, Distance(), Dense(1, "sigmoid", name="head")])
model.compile(keras.optimizers.SGD(0.0), "binary_crossentropy")
model.fit(Rows(), class_weight={0: 1.0, 1: 2.0}, shuffle=False, verbose=0)
"""

# One gradient is None, another zero: the graph tells the first, one more run the second.
NONE_AND_ZERO = """
first, other, head = Dense(3, name="first"), Dense(3, name="other"), Dense(1, name="head")
first(x), other(x), head(x)
weights = first.trainable_variables[:1] + other.trainable_variables[:1] + head.trainable_variables[:1]

@tf.function
def step(given):
    with tf.GradientTape() as tape:
        h = tf.nn.relu(first(given) - 50.0)  # <-- zero
        h += tf.round(other(given))  # <-- none
        loss = tf.reduce_mean((head(h) - 1.0) ** 2)
    grads = tape.gradient(loss, weights)
    for v, g in zip(weights, grads):
        if g is not None:
            v.assign_sub(0.1 * g)
    return loss

for _ in range(3):
    loss = step(x)
"""

MISSING_AND_ZERO = """
class Scaled(keras.layers.Layer):
    def __init__(self):
        super().__init__()
        self.inner = Dense(2, name="inner")
        self.gain = tf.Variable([1.0, 2.0], name="gain")  # <-- missing

    def call(self, given):
        return self.gain * tf.nn.relu(self.inner(given) - 50.0)  # <-- zero

model = keras.Sequential([keras.Input((3,)), Scaled(), Dense(1, name="head")])
model.compile("sgd", "mse")
model.fit(x, y, batch_size=6, verbose=0)
"""

# The data come from Python, so the step cannot be repeated; the weights are NaN after the first.
PYTHON_DATA = """
w, b = tf.Variable(tf.random.normal((3, 2)), name="w"), tf.Variable([0.1, 0.2], name="b")

@tf.function
def step():
    given = tf.ensure_shape(tf.numpy_function(lambda: x, [], tf.float32), (12, 3))
    with tf.GradientTape() as tape:
        h = tf.tanh(given @ w + b)
        loss = tf.reduce_mean(tf.sqrt(tf.reduce_sum((h - h) ** 2, -1))) + tf.reduce_mean(h)  # <--
    for v, g in zip((w, b), tape.gradient(loss, [w, b])):
        v.assign_sub(0.1 * g)

for _ in range(4):
    step()
"""

# name -> (program, words that each bad source's name has, in the order asked, status, cause)
PROGRAMS: dict[str, tuple[str, list[str], str, str | None]] = {
    "loss_weights": (LOSS_WEIGHTS, ["far", "far"], "zero", "zero-masked"),
    "dead_units": (DEAD_UNITS, ["body/kernel", "body/bias", "dead/kernel", "dead/bias", "head/kernel"], "zero", None),
    "by_array": (BY_ARRAY, ["shift/kernel", "shift/bias"], "zero", "zero-masked"),
    "by_dataset": (BY_DATASET, ["shift/kernel", "shift/bias"], "zero", "zero-masked"),
    "two_tapes": (TWO_TAPES, ["a/kernel", "a/bias"], "zero", "zero-saturated"),
    "first_nan": (FIRST_NAN, ["tower/kernel", "tower/bias"], "not finite", "nan-sqrt-norm"),
    "plain_variable": (PLAIN_VARIABLE, ["gain", "gain"], "missing", "empty-vars"),
    "kept_by_hand": (KEPT_BY_HAND, [], "ok", None),
    "nothing_to_train": (NOTHING_TO_TRAIN, ["trainable_variables"], "empty", "empty-vars"),
    "generator": (GENERATOR, ["body/kernel", "body/bias", "dead/kernel", "dead/bias", "head/kernel"], "zero", None),
    "by_number": (BY_NUMBER, ["body"], "not finite", "nan-sqrt-norm"),
    "python_data": (PYTHON_DATA, ["w", "b"], "not finite", "nan-sqrt-norm"),
    "checked": (CHECKED, ["tower/kernel", "tower/bias"], "not finite", "nan-sqrt-norm"),
    "compiled": (COMPILED, ["first/kernel", "first/bias", "head/kernel"], "zero", "zero-saturated"),
}
# name -> (program, (word of the name, status, cause) of each bad source). The line is the one marked with the status.
MIXED = {
    "none_and_zero": (
        NONE_AND_ZERO,
        [("first", "zero", "zero-saturated"), ("other", "none", "no-gradient-op")],
    ),
    "missing_and_zero": (
        MISSING_AND_ZERO,
        [
            ("inner/kernel", "zero", "zero-saturated"),
            ("inner/bias", "zero", "zero-saturated"),
            ("head/kernel", "zero", "zero-saturated"),
            ("gain", "missing", "empty-vars"),
        ],
    ),
}
KERAS_3 = ("plain_variable", "kept_by_hand", "nothing_to_train", "missing_and_zero")
# By each of the others one mechanism is tried; these two differ from one of them by what fit was given, or by who wrote the step.
WEEKLY = ("by_array", "two_tapes", "kept_by_hand")


def told(program: str, folder: Path) -> tuple[list[dict[str, Any]], str]:
    """The rows that are not ok, and what was printed before the reports."""
    script = folder / "program.py"
    script.write_text(HEAD + program)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()) as out:
        warnings.simplefilter("always")
        main(["explain", "--json", str(script)])
    said = out.getvalue()
    start = said.index("[\n {")
    reports = json.JSONDecoder().raw_decode(said[start:])[0]
    return [row for report in reports for row in report["rows"] if row["status"] != "ok"], said[:start]


@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.weekly] if n in WEEKLY else []) for n in PROGRAMS])
def test_the_command_tells(name: str, tmp_path: Path) -> None:
    program, sources, status, cause = PROGRAMS[name]
    if name in KERAS_3 and LEGACY:
        pytest.skip("legacy Keras lists every tf.Variable")
    rows, printed = told(program, tmp_path)
    assert [row["status"] for row in rows] == [status] * len(sources), rows
    assert all(word in row["name"] for row, word in zip(rows, sources, strict=True)), rows
    assert cause is None or {row["cause"] for row in rows} == {cause}, rows
    assert all("# <--" in row["where"][0]["code"] for row in rows), rows
    assert name != "by_number" or rows[0]["said"].endswith("first at step 2 of 3"), rows
    assert printed.count("traced") == program.count('"traced"'), printed


@pytest.mark.parametrize("name", MIXED)
def test_what_the_graph_tells_hides_nothing(name: str, tmp_path: Path) -> None:
    """A gradient that is missing, or a variable that is not in the list, does not keep the others from being looked at."""
    program, expected = MIXED[name]
    if name in KERAS_3 and LEGACY:
        pytest.skip("legacy Keras lists every tf.Variable")
    rows, _ = told(program, tmp_path)
    assert [(row["status"], row["cause"]) for row in rows] == [(status, cause) for _, status, cause in expected], rows
    for row, (word, status, _) in zip(rows, expected, strict=True):
        assert word in row["name"] and f"# <-- {status}" in row["where"][0]["code"], row
