"""Every number in the margin is `tape.gradient(loss, that value)`, taken by hand on another tape."""

import numpy as np
import pytest
import tensorflow as tf
from by_hand import size, values

import gradlab
from gradlab.lab.scenario import load
from gradlab.lines import of_scenario

SCENARIOS = [
    "assigned_state", "branch_condition", "computed_state", "flat_function", "initial_state", "integer_cast", "integer_index",
    "learned_state", "norm_at_zero", "numpy_roundtrip", "python_list", "rounding", "straight_through", "where_over_log",
]  # fmt: skip


@pytest.mark.parametrize("bug", [False, True], ids=["off", "on"])
@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario_by_hand(name: str, bug: bool) -> None:
    scenario = load(name)
    truth = values(scenario, bug)
    found = of_scenario(scenario, bug)
    compared = 0
    for line in found.lines:
        if line.number not in truth or not line.visits:
            continue
        assert len(line.visits) == len(truth[line.number]), line.text
        for cell, right in zip(line.visits, truth[line.number], strict=True):
            if cell.kind in ("", "outside"):
                continue  # a line that only passes a value on (`h = x`) makes none of its own
            if right is None:
                assert cell.kind in ("none", "unused"), (line.text, cell)
            elif np.isnan(right):
                assert cell.kind == "nan", (line.text, cell)
            else:
                assert cell.norm == pytest.approx(right, rel=1e-5, abs=1e-12), (line.text, cell)
            compared += 1
    assert compared >= 2


# --- programs: `keep` hands a value on, and marks it for the hand-made tape ---------------------------------------------


def _chain(keep, w):
    h = keep(tf.tanh(w))
    h = keep(h * 3.0)
    return keep(tf.reduce_sum(h**2))


def _loop(keep, w):
    h = tf.ones((1, 3))
    for _ in range(12):
        h = keep(tf.tanh(h @ w))
    return tf.reduce_sum(h)


def _helper(keep, w):
    def step(h):
        return keep(tf.sin(h @ w))

    h = tf.ones((1, 3))
    for _ in range(4):
        h = step(h)
    return tf.reduce_mean(h)


def _cut_halfway(keep, w):
    h = tf.ones((1, 3))
    for t in range(8):
        if t == 5:
            h = tf.stop_gradient(h)
        h = keep(tf.tanh(h @ w))
    return tf.reduce_sum(h)


def _zero(keep, w):
    h = keep(w + 1.0)
    h = keep(tf.nn.relu(-tf.abs(h)))
    return tf.reduce_sum(h)


def _nan(keep, w):
    h = keep(w * 0.0)
    h = keep(tf.sqrt(h))
    return tf.reduce_sum(h * 0.0)


def _two_uses(keep, w):
    a = keep(tf.exp(w * 0.1))
    b = keep(a * 2.0)
    return tf.reduce_sum(a * b)


def _several_lines(keep, w):
    h = keep(
        tf.einsum(
            "ij,jk->ik",
            w,
            tf.transpose(w),
        )
    )
    return tf.reduce_sum(h)


def _recursion(keep, w):
    def down(n):
        if n == 0:
            return keep(w * 0.5)
        return tf.tanh(down(n - 1) + 0.1)

    return tf.reduce_sum(down(3))


def _gathered(keep, w):
    rows = keep(tf.gather(w, [0, 0, 2]))
    cubes = keep(rows**3)
    return tf.reduce_sum(cubes)


def _layers(keep, w):
    dense = tf.keras.layers.Dense(4, activation="tanh", kernel_initializer="ones")
    h = keep(dense(w))
    h = keep(tf.keras.layers.LayerNormalization()(h))
    return tf.reduce_sum(h**3)


def _from_numpy(keep, w):
    start = keep(tf.constant(np.full((3, 3), 0.3, "float32")))
    h = keep(tf.tanh(start * w))
    return tf.reduce_sum(h)


PROGRAMS = [
    _chain, _loop, _helper, _cut_halfway, _zero, _nan, _two_uses, _several_lines, _recursion, _gathered, _layers, _from_numpy,
]  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS)
def test_program_by_hand(program) -> None:
    w = tf.Variable(tf.random.stateless_normal((3, 3), (1, 2)), name="w")
    seen: list = []
    with tf.GradientTape(persistent=True) as tape:

        def keep(value):
            tape.watch(value)
            seen.append(value)
            return value

        loss = program(keep, w)
    truth = [size(tape.gradient(loss, value)) for value in seen]

    found = gradlab.line_gradients(lambda: program(lambda value: value, w), {"w": w}, cut=False)
    marked = {n for line in found.lines if "keep(" in line.text for n in [line.number]}
    cells = sorted((v for line in found.lines if line.number in marked for v in line.visits), key=lambda v: v.id)
    assert len(cells) == len(truth)
    for cell, right in zip(cells, truth, strict=True):
        if right is None:
            assert cell.kind == "none"
        elif np.isnan(right):
            assert cell.kind == "nan"
        elif np.isinf(right):
            assert cell.kind == "inf"
        else:
            assert cell.norm == pytest.approx(right, rel=1e-5, abs=1e-12)
            assert cell.kind == ("zero" if right == 0 else "ok")
    with tf.GradientTape() as plain:
        loss = program(lambda value: value, w)
    kind = found.sources[0]
    assert size(plain.gradient(loss, w)) == pytest.approx(kind.norm, rel=1e-5, nan_ok=True)


@pytest.mark.parametrize("kind", ["SimpleRNN", "LSTM", "GRU"])
def test_strip_of_a_recurrent_layer_is_the_jacobian_contracted(kind: str) -> None:
    """d loss / d x_s is d h_T / d x_s, from gradlab.jacobian, times d loss / d h_T."""
    tf.keras.utils.set_random_seed(3)
    steps, units = 9, 4
    cell = getattr(tf.keras.layers, f"{kind}Cell")(units)
    layer = tf.keras.layers.RNN(cell, return_sequences=True)
    x = tf.random.normal((1, steps, 3))
    layer(x)

    def loss():
        state = [tf.zeros((1, units))] * (2 if kind == "LSTM" else 1)
        for t in range(steps):
            x_t = x[:, t]
            h, state = cell(x_t, state)
            state = tf.nest.flatten(state)
        return tf.reduce_sum((h - 1.0) ** 2)

    found = gradlab.line_gradients(loss, {"x": x}, watch=["x"])
    strip = next(line.visits for line in found.lines if line.text.strip() == "x_t = x[:, t]")
    jacobian = gradlab.jacobian(layer, x)
    h = np.asarray(layer(x))[0, -1]
    row = np.asarray(jacobian.last)[0]  # units, steps, inputs
    column = (
        np.einsum("u,usi->si", 2 * (h - 1), row) if row.shape[0] == units else np.einsum("u,sui->si", 2 * (h - 1), row)
    )
    assert [v.norm for v in strip] == pytest.approx(list(np.linalg.norm(column, axis=-1)), rel=1e-4)
    assert [v.loop for v in strip] == [(t,) for t in range(steps)]
