"""Masks, given initial states, cell states, and derivatives with respect to states, against autodiff: below 1e-12."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from gradlab.jacobians import jacobian

from .conftest import autodiff, randomise, relative
from .test_exact import F64, LAYERS, SEQ, B, I, L, T, _inputs

MASK = np.array([[0, 1, 1, 0, 1], [1, 1, 0, 0, 0]], bool)  # skipped at the start, in the middle and at the end


MASKED = [  # the first half are what the others are made of
    "LSTM",
    "GRU reset before",
    "go_backwards",
    "custom cell",
    "stacked cells",
    "Bidirectional",
    "SimpleRNN",
    "GRU",
    "two layers",
    "three layers, Bidirectional first",
    "custom cell backwards",
    "LSTM, an activation of one's own",
]


@pytest.mark.parametrize("name", [*MASKED[:6], *(pytest.param(n, marks=pytest.mark.weekly) for n in MASKED[6:])])
def test_masks(name: str) -> None:
    layer, x = LAYERS[name](), _inputs()
    layer(x)
    randomise(layer)
    expected = autodiff(lambda v: layer(v, mask=tf.constant(MASK)), x)
    found = jacobian(layer, x, mask=MASK)
    assert relative(found.full, expected) < 1e-12
    assert relative(found.last, expected[:, -1].transpose(0, 2, 1, 3)) < 1e-12
    assert relative(found.diagonal, np.einsum("bthti->bthi", expected)) < 1e-12
    assert relative(found.norms(log=False), np.sqrt((expected**2).sum((2, 4)))) < 1e-12


def test_what_a_bidirectional_layer_returns_after_a_mask() -> None:
    layer, x = L.Bidirectional(L.GRU(4, dtype="float64"), **F64), _inputs()
    expected = autodiff(lambda v: layer(v, mask=tf.constant(MASK)), x)
    assert relative(jacobian(layer, x, mask=MASK).last.transpose(0, 2, 1, 3), expected) < 1e-12


def test_zero_output_for_mask() -> None:
    layer, x = L.RNN(L.GRUCell(4, **F64), zero_output_for_mask=True, **SEQ), _inputs()
    expected = autodiff(lambda v: layer(v, mask=tf.constant(MASK)), x)
    assert relative(jacobian(layer, x, mask=MASK).full, expected) < 1e-12
    assert not expected[~MASK].any()


def test_a_masking_layer_masks() -> None:
    model, x = keras.Sequential([L.Masking(**F64), L.LSTM(4, **SEQ), L.GRU(3, **SEQ)]), _inputs()
    x[~MASK] = 0
    assert relative(jacobian(model, x).full, autodiff(model, x)) < 1e-12


def test_the_mask_a_tensor_carries_is_used() -> None:
    layer, x = L.LSTM(4, **SEQ), _inputs()
    x[~MASK] = 0
    carried = L.Masking(dtype="float64")(x)
    assert relative(jacobian(layer, carried).full, jacobian(layer, x, mask=MASK).full) < 1e-12


def _start(*sizes: int) -> list[np.ndarray]:
    generator = np.random.default_rng(5)
    return [generator.standard_normal((B, n)) for n in sizes]


def test_given_initial_states() -> None:
    x = _inputs()
    for layer, states in (
        (L.LSTM(4, **SEQ), _start(4, 4)),
        (L.SimpleRNN(4, **SEQ), _start(4)),
        (L.Bidirectional(L.LSTM(4, **SEQ), **F64), _start(4, 4, 4, 4)),
        (L.GRU(4, stateful=True, **SEQ), _start(4)),
    ):
        expected = autodiff(lambda v, layer=layer, states=states: layer(v, initial_state=states), x)
        assert relative(jacobian(layer, x, initial_state=states).full, expected) < 1e-12


def test_stacked_layers_take_one_initial_state_each() -> None:
    first, second, x = L.LSTM(4, **SEQ), L.GRU(3, **SEQ), _inputs()
    states = [_start(4, 4), None]
    expected = autodiff(lambda v: second(first(v, initial_state=states[0])), x)
    assert relative(jacobian([first, second], x, initial_state=states).full, expected) < 1e-12


def _stepped(layer: Any, x: np.ndarray, start: Any, first: int) -> Any:
    """Outputs from step `first` on, from the states entering it, by calling the cell; with each step's states."""
    state, outputs = start, []
    for t in range(first, x.shape[1]):
        out, state = layer.cell(tf.constant(x[:, t]), state)
        outputs.append((out, state))
    return outputs


@pytest.mark.parametrize("kind", ["lstm", "gru", "custom"])
def test_with_respect_to_states(kind: str) -> None:
    layer = LAYERS[{"lstm": "LSTM", "gru": "GRU", "custom": "custom cell"}[kind]]()
    x = _inputs()
    layer(x)
    randomise(layer)
    sizes = [4, 4] if kind == "lstm" else [4]
    start = np.concatenate(_start(*sizes), 1)

    def split(s: Any) -> list[Any]:
        return tf.split(s, sizes, 1)

    given = [np.asarray(s) for s in split(start)]
    states = jacobian(layer, x, wrt="states", initial_state=given)
    initial = jacobian(layer, x, wrt="initial_state", initial_state=given)
    entering = start
    for s in range(T):
        expected = autodiff(lambda v, s=s: tf.stack([o for o, _ in _stepped(layer, x, split(v), s)], 1), entering)
        assert relative(states.full[:, s:, :, s], expected) < 1e-12
        assert not states.full[:, :s, :, s].any()
        assert relative(states.last[:, s], expected[:, -1]) < 1e-12
        assert relative(states.diagonal[:, s], expected[:, 0]) < 1e-12
        if s == 0:
            assert relative(initial.full, expected) < 1e-12 and relative(initial.last, expected[:, -1]) < 1e-12
            assert relative(initial.norms(log=False), np.sqrt((expected**2).sum((2, 3)))) < 1e-12
        step = autodiff(lambda v, s=s: tf.concat(_stepped(layer, x[:, : s + 1], split(v), s)[0][1], 1), entering)
        assert relative(states.step[:, s], step) < 1e-12
        entering = np.concatenate([np.asarray(n) for n in _stepped(layer, x[:, : s + 1], split(entering), s)[0][1]], 1)


def test_cell_state() -> None:
    layer, x = L.LSTM(4, **SEQ), _inputs()
    layer(x)
    randomise(layer)

    def cell_states(v: Any) -> Any:
        state, rows = [tf.zeros((B, 4), tf.float64)] * 2, []
        for t in range(T):
            _, state = layer.cell(v[:, t], state)
            rows.append(state[1])
        return tf.stack(rows, 1)

    expected = autodiff(cell_states, x)
    found = jacobian(layer, x, of="c")
    assert relative(found.full, expected) < 1e-12
    assert relative(found.last, expected[:, -1].transpose(0, 2, 1, 3)) < 1e-12
    assert relative(found.norms(log=False), np.sqrt((expected**2).sum((2, 4)))) < 1e-12


@pytest.mark.parametrize(
    "name", ["stacked cells", "two layers", "Bidirectional", "backwards above forwards", "go_backwards"]
)
def test_initial_states_of_many_recurrences_are_side_by_side(name: str) -> None:
    layer, x = LAYERS[name](), _inputs()
    layer(x)
    randomise(layer)
    parts = [layer] if name not in ("two layers", "backwards above forwards") else layer.layers
    sizes = {
        "stacked cells": [4, 4, 3],
        "two layers": [4, 4, 3],
        "Bidirectional": [4] * 4,
        "backwards above forwards": [4, 4, 3],
    }
    widths = sizes.get(name, [4])
    start = np.concatenate(_start(*widths), 1)

    def states(v: Any) -> Any:
        flat = tf.split(v, widths, 1)
        if len(parts) == 2:
            return [flat[:2], flat[2]]
        return [[flat[:2], flat[2:]]] if name == "stacked cells" else [flat]

    def outputs(v: Any) -> Any:
        y, given = tf.constant(x), states(v)
        for part, state in zip(parts, given, strict=True):
            y = part(y, initial_state=state)
        return y

    expected = autodiff(outputs, start)
    given = states(tf.constant(start))
    found = jacobian(layer, x, wrt="initial_state", initial_state=given if len(parts) == 2 else given[0])
    assert relative(found.full, expected) < 1e-12
    assert relative(found.last, expected[:, -1]) < 1e-12
    assert relative(found.norms(log=False), np.sqrt((expected**2).sum((2, 3)))) < 1e-12
    states_full = jacobian(layer, x, wrt="states", initial_state=given if len(parts) == 2 else given[0])
    assert states_full.full.shape == (B, T, expected.shape[2], T, sum(widths))
    assert relative(states_full.last, states_full.full[:, -1].transpose(0, 2, 1, 3)) < 1e-12


def test_the_joint_step_of_stacked_recurrences() -> None:
    layers, x = [L.LSTM(4, **SEQ), L.GRU(3, **SEQ)], _inputs()
    for layer in layers:
        layer.build((B, T, I if layer is layers[0] else 4))
        randomise(layer)
    step = jacobian(layers, x).step
    start = np.concatenate(_start(4, 4, 3), 1)
    found = jacobian(layers, x, initial_state=[list(np.split(start[:, :8], 2, 1)), start[:, 8:]]).step[:, 0]

    def after(v: Any) -> Any:
        h1, c1, h2 = tf.split(v, [4, 4, 3], 1)
        out, low = layers[0].cell(tf.constant(x[:, 0]), [h1, c1])
        return tf.concat([*low, layers[1].cell(out, [h2])[0]], 1)

    assert step.shape == (B, T, 11, 11)
    assert relative(found, autodiff(after, start)) < 1e-12


def test_states_of_stacked_cells_run_backwards_with_their_layer() -> None:
    layer, x = LAYERS["stacked cells backwards, one custom"](), _inputs()
    layer(x)
    randomise(layer)
    found = jacobian(layer, x, wrt="states").full
    for s in range(T):  # the step that reads x_s makes output T-1-s, of both cells' states that enter it
        assert not found[:, : T - 1 - s, :, s].any()
        assert found[:, T - 1 - s, :, s, :4].any() and found[:, T - 1 - s, :, s, 4:].any()
    assert relative(jacobian(layer, x, wrt="states").last, found[:, -1].transpose(0, 2, 1, 3)) < 1e-12
    initial = jacobian(layer, x, wrt="initial_state").full
    assert relative(found[:, :, :, T - 1], initial) < 1e-12  # the first step reads the last input
