"""What cannot be done exactly is refused, in words that say what was found and what to do."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from gradlab.jacobians import jacobian

L = keras.layers
X = np.random.default_rng(0).standard_normal((2, 4, 3)).astype("float32")


class Cell(keras.layers.Layer):
    """tanh of input and state, with something done on the side."""

    def __init__(self, aside: Any = None, **options: Any) -> None:
        super().__init__(**options)
        self.state_size = self.output_size = 3
        self.aside = aside
        self.gain = 1.0

    def build(self, shape: Any) -> None:
        self.count = self.add_weight(shape=(), initializer="zeros", trainable=False)
        self.calls = 0

    def call(self, x: Any, states: Any) -> Any:
        h = keras.ops.tanh(self.gain * (x + states[0]))
        if self.aside is not None:
            h = self.aside(self, h)
        return h, [h]


def _counts(cell: Cell, h: Any) -> Any:
    cell.count.assign_add(1.0)
    return h


def _counts_in_python(cell: Cell, h: Any) -> Any:
    cell.calls += 1
    return h


def _noise(cell: Cell, h: Any) -> Any:
    return h + tf.random.normal(tf.shape(h))


def _mixes(cell: Cell, h: Any) -> Any:
    return h - tf.reduce_mean(h, 0, keepdims=True)


def _leaves(cell: Cell, h: Any) -> Any:
    return tf.ensure_shape(tf.numpy_function(np.sin, [h], tf.float32), h.shape)


@pytest.mark.parametrize(
    ("aside", "message"),
    [
        (_counts, "side effect"),
        (_counts_in_python, "changes its own attribute 'calls'"),
        (_noise, "random numbers"),
        (_mixes, "samples of a batch"),
        (_leaves, "leaves TensorFlow"),
    ],
)
def test_cells_with_side_effects(aside: Any, message: str) -> None:
    layer = L.RNN(Cell(aside))
    with pytest.raises(ValueError, match=message):
        jacobian(layer, X)
    assert float(layer.cell.count) == 0.0  # found out without running it


def test_a_cell_that_was_changed_is_traced_again() -> None:
    layer = L.RNN(Cell())
    first = jacobian(layer, X).full
    layer.cell.gain = 0.5
    fresh = L.RNN(Cell())
    fresh.build(X.shape)
    fresh.cell.gain = 0.5
    assert np.array_equal(jacobian(layer, X).full, jacobian(fresh, X).full)
    assert not np.allclose(first, jacobian(layer, X).full)


def test_a_cell_is_traced_for_the_first_shape_and_once_more_for_all_others() -> None:
    calls = []

    def aside(cell: Cell, h: Any) -> Any:
        if not tf.executing_eagerly():
            calls.append(h.shape)
        return h

    layer = L.RNN(Cell(aside))
    traced = []
    for x in (X, X, X[:1], np.concatenate([X, X, X], 1), X[:1, :2], X):
        jacobian(layer, x)
        traced.append(len(calls))
    assert 0 < traced[0] == traced[1] < traced[2]
    assert traced[2:] == [traced[2]] * 4


def test_new_weights_need_no_new_trace_and_are_used() -> None:
    layer = L.RNN(Cell(lambda cell, h: h * (1 + cell.count)))
    first = jacobian(layer, X).full
    layer.cell.count.assign(1.0)
    assert not np.allclose(first, jacobian(layer, X).full)


@pytest.mark.parametrize(
    ("inputs", "error", "message"),
    [
        (np.zeros((2, 4, 3), int), TypeError, "int64: a derivative needs floating-point inputs"),
        (tf.zeros((2, 4, 3), tf.int32), TypeError, "int32"),
        (np.zeros((2, 4)), ValueError, r"shape \(2, 4\); expected \(batch, steps, features\)"),
        (np.zeros((2, 0, 3)), ValueError, "none of them zero"),
        (np.zeros((2, 4, 5)), ValueError, "built for inputs with 3 features, found 5"),
        (keras.Input((4, 3)), TypeError, "symbolic"),
    ],
)
def test_inputs(inputs: Any, error: type[Exception], message: str) -> None:
    layer = L.LSTM(2)
    layer.build((2, 4, 3))
    with pytest.raises(error, match=message):
        jacobian(layer, inputs)


def test_inside_a_function_it_says_so() -> None:
    layer = L.LSTM(2)
    layer.build(X.shape)
    with pytest.raises(TypeError, match=r"inside tf.function"):
        tf.function(lambda x: jacobian(layer, x).last)(tf.constant(X))


class Odd(keras.layers.LSTM):
    """An LSTM that does something of its own around its cell."""

    def call(self, sequences: Any, *args: Any, **options: Any) -> Any:
        return super().call(sequences * 2, *args, **options)


@pytest.mark.parametrize(
    ("layer", "error", "message"),
    [
        (lambda: L.Dense(2), TypeError, "not a recurrent layer"),
        (lambda: [L.LSTM(2, return_sequences=True), L.Dense(2)], TypeError, "not a recurrent layer"),
        (lambda: L.LSTM(2, stateful=True), ValueError, "stateful: .*initial_state="),
        (lambda: [L.LSTM(2, return_sequences=True), L.GRU(2, stateful=True)], ValueError, "stateful"),
        (lambda: [L.LSTM(2), L.LSTM(2)], ValueError, "return_sequences=True"),
        (lambda: Odd(2), ValueError, "its own `call`"),
        (lambda: L.LSTM(2, dtype="mixed_float16"), ValueError, "float16"),
        (lambda: L.Bidirectional(L.LSTM(2), merge_mode=None), ValueError, "forward_layer"),
        (lambda: L.Bidirectional(L.LSTM(2, dtype="float64")), ValueError, "float64"),
        (lambda: L.ConvLSTM1D(2, 2), TypeError, "batch, steps, features"),
    ],
)
def test_layers(layer: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        jacobian(layer(), X)


def test_functional_models_are_refused() -> None:
    inputs = keras.Input((4, 3))
    model = keras.Model(inputs, L.Dense(1)(L.LSTM(2)(inputs)))
    with pytest.raises(TypeError, match="as a list"):
        jacobian(model, X)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"of": "y"}, "of is 'y'"),
        ({"wrt": "weights"}, "wrt is 'weights'"),
        ({"of": "c"}, "no cell state"),
        ({"mask": np.ones((2, 3), bool)}, r"mask has shape \(2, 3\); expected \(2, 4\)"),
        ({"mask": np.full((2, 4), 0.5)}, "boolean"),
        (
            {"initial_state": np.zeros((2, 3), "float32")},
            r"initial_state has shapes \[\(2, 3\)\]; expected \[\(2, 2\)\]",
        ),
        ({"device": "/GPU:7"}, "is not here"),
    ],
)
def test_arguments(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        jacobian(L.GRU(2), X, **options)


def test_questions_without_an_answer() -> None:
    with pytest.raises(ValueError, match="no diagonal"):
        _ = jacobian(L.GRU(2), X, wrt="initial_state").diagonal
    with pytest.raises(ValueError, match=r"forward_layer"):
        _ = jacobian(L.Bidirectional(L.GRU(2)), X).step
    with pytest.raises(ValueError, match="at least 1"):
        next(jacobian(L.GRU(2), X).chunks(0))


def test_memory_is_refused_with_the_size_and_what_to_ask_for() -> None:
    found = jacobian(L.GRU(8), np.zeros((2, 50, 3), "float32"))
    found.memory_limit = 100_000
    with pytest.raises(
        MemoryError, match=r"full Jacobian of shape \(2, 50, 8, 50, 3\) is 468.8 KiB, over the limit of 97.7 KiB.*norms"
    ):
        _ = found.full
    assert found.norms().shape == (2, 50, 50)
    blocks = list(found.chunks(progress=False))
    assert len(blocks) > 1 and sum(b.shape[3] for _, b in blocks) == 50
