"""In float64, every kind of layer against TensorFlow's automatic differentiation of the layer itself: below 1e-12."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from samples import sampled

from gradlab.jacobians import jacobian

from .conftest import autodiff, randomise, relative

L = keras.layers
B, T, I = 2, 5, 3  # noqa: E741
SEQ = {"return_sequences": True, "dtype": "float64"}
F64 = {"dtype": "float64"}


class ResidualCell(keras.layers.Layer):
    """Its output is not its state, and it normalises over units: no closed form fits."""

    def __init__(self, units: int, **options: Any) -> None:
        super().__init__(**options)
        self.units = self.state_size = units
        self.output_size = units + 1

    def build(self, shape: Any) -> None:
        self.k = self.add_weight(shape=(shape[-1], self.units))
        self.r = self.add_weight(shape=(self.units, self.units))
        self.o = self.add_weight(shape=(self.units, self.units + 1))

    def call(self, x: Any, states: Any) -> Any:
        z = x @ self.k + states[0] @ self.r
        z = z - keras.ops.mean(z, -1, keepdims=True)
        h = keras.ops.tanh(z / keras.ops.sqrt(keras.ops.mean(z * z, -1, keepdims=True) + 1e-3))
        return keras.ops.sin(h @ self.o), [h]


class ScaledLSTMCell(keras.layers.LSTMCell):
    """Looks like a stock cell, and is not: closed forms must not be used."""

    def call(self, inputs: Any, states: Any, training: bool = False) -> Any:
        h, new = super().call(1.5 * inputs, states)
        return h * h, new


LAYERS: dict[str, Callable[[], Any]] = {
    "SimpleRNN": lambda: L.SimpleRNN(4, **SEQ),
    "SimpleRNN relu, no bias": lambda: L.SimpleRNN(4, activation="relu", use_bias=False, **SEQ),
    "SimpleRNN linear": lambda: L.SimpleRNN(4, activation=None, **SEQ),
    "LSTM": lambda: L.LSTM(4, **SEQ),
    "LSTM, other activations": lambda: L.LSTM(4, activation="softsign", recurrent_activation="hard_sigmoid", **SEQ),
    "LSTM selu and silu": lambda: L.LSTM(4, activation="selu", recurrent_activation="silu", **SEQ),
    "LSTM, an activation of one's own": lambda: L.LSTM(4, activation=lambda z: tf.sin(z) * z, **SEQ),
    "LSTM softmax, not elementwise": lambda: L.LSTM(4, recurrent_activation="softmax", **SEQ),
    "RNN(LSTMCell)": lambda: L.RNN(L.LSTMCell(4, unit_forget_bias=False, **F64), **SEQ),
    "LSTM unrolled": lambda: L.LSTM(4, unroll=True, **SEQ),
    "GRU": lambda: L.GRU(4, **SEQ),
    "GRU reset before": lambda: L.GRU(4, reset_after=False, **SEQ),
    "GRU no bias": lambda: L.GRU(4, use_bias=False, **SEQ),
    "GRU elu": lambda: L.GRU(4, activation="elu", **SEQ),
    "go_backwards": lambda: L.GRU(4, go_backwards=True, **SEQ),
    "go_backwards LSTM": lambda: L.LSTM(4, go_backwards=True, **SEQ),
    "dropout": lambda: L.LSTM(4, dropout=0.5, recurrent_dropout=0.5, **SEQ),
    "SimpleRNN, dropout and its own activation": lambda: L.SimpleRNN(4, activation=tf.sin, dropout=0.5, **SEQ),
    "custom cell": lambda: L.RNN(ResidualCell(4, **F64), **SEQ),
    "custom cell backwards": lambda: L.RNN(ResidualCell(4, **F64), go_backwards=True, **SEQ),
    "subclass of LSTMCell": lambda: L.RNN(ScaledLSTMCell(4, **F64), **SEQ),
    "stacked cells": lambda: L.RNN(L.StackedRNNCells([L.LSTMCell(4, **F64), L.GRUCell(3, **F64)], **F64), **SEQ),
    "stacked cells backwards, one custom": lambda: L.RNN(
        L.StackedRNNCells([L.GRUCell(4, **F64), ResidualCell(3, **F64)], **F64), go_backwards=True, **SEQ
    ),
    "Bidirectional": lambda: L.Bidirectional(L.LSTM(4, **SEQ), **F64),
    "Bidirectional sum": lambda: L.Bidirectional(L.GRU(4, **SEQ), merge_mode="sum", **F64),
    "Bidirectional mul": lambda: L.Bidirectional(L.GRU(4, **SEQ), merge_mode="mul", **F64),
    "Bidirectional ave": lambda: L.Bidirectional(L.SimpleRNN(4, **SEQ), merge_mode="ave", **F64),
    "two layers": lambda: keras.Sequential([L.LSTM(4, **SEQ), L.GRU(3, **SEQ)]),
    "three layers, Bidirectional first": lambda: keras.Sequential(
        [
            L.Bidirectional(L.GRU(3, **SEQ), **F64),
            L.Dropout(0.5, **F64),
            L.LSTM(4, **SEQ),
            L.RNN(ResidualCell(3, **F64), **SEQ),
        ]
    ),
    "backwards above forwards": lambda: keras.Sequential([L.LSTM(4, **SEQ), L.GRU(3, go_backwards=True, **SEQ)]),
    "Bidirectional twice": lambda: keras.Sequential(
        [L.Bidirectional(L.SimpleRNN(3, **SEQ), **F64), L.Bidirectional(L.LSTM(2, **SEQ), merge_mode="mul", **F64)]
    ),
}


def _inputs() -> np.ndarray:
    return np.random.default_rng(1).standard_normal((B, T, I))


@pytest.mark.parametrize("name", sampled(LAYERS, 2, first=1))
def test_every_view_of_the_jacobian_is_that_of_autodiff(name: str) -> None:
    layer, x = LAYERS[name](), _inputs()
    layer(x)
    randomise(layer)
    expected = autodiff(layer, x)
    found = jacobian(layer, x)
    assert found.shape == expected.shape
    assert relative(found.full, expected) < 1e-12
    assert relative(found.last, expected[:, -1].transpose(0, 2, 1, 3)) < 1e-12
    assert relative(found.diagonal, np.einsum("bthti->bthi", expected)) < 1e-12
    pieces = list(found.chunks(2, progress=False))
    assert [s for s, _ in pieces] == [slice(0, 2), slice(2, 4), slice(4, 5)]
    assert relative(np.concatenate([block for _, block in pieces], 3), expected) < 1e-12
    assert relative(found.norms(log=False), np.sqrt((expected**2).sum((2, 4)))) < 1e-12
    blocks = expected.transpose(0, 1, 3, 2, 4)
    assert relative(found.norms(2, log=False), np.linalg.svd(blocks, compute_uv=False)[..., 0]) < 1e-12


@pytest.mark.parametrize("name", ["LSTM", "GRU reset before", "custom cell", "stacked cells", "Bidirectional mul"])
def test_central_differences(name: str) -> None:
    layer, x, step = LAYERS[name](), _inputs(), 1e-5
    layer(x)
    randomise(layer)
    full = jacobian(layer, x).full
    for s, i in ((0, 0), (2, 1), (T - 1, 2)):
        up, down = x.copy(), x.copy()
        up[:, s, i] += step
        down[:, s, i] -= step
        slope = (layer(up).numpy() - layer(down).numpy()) / (2 * step)
        assert relative(full[..., s, i], slope) < 1e-5


def test_zero_for_later_inputs() -> None:
    layer = L.LSTM(4, **SEQ)
    full = jacobian(layer, _inputs()).full
    for t in range(T):
        assert not full[:, t, :, t + 1 :].any() and full[:, t, :, t].any()


def test_return_sequences_does_not_matter_and_the_last_output_is_last() -> None:
    layer, x = L.GRU(4, dtype="float64"), _inputs()
    expected = autodiff(layer, x)
    assert relative(jacobian(layer, x).last.transpose(0, 2, 1, 3), expected) < 1e-12


@pytest.mark.parametrize("merge", ["concat", "mul", "ave"])
def test_bidirectional_without_sequences_gives_what_it_returns(merge: str) -> None:
    layer, x = L.Bidirectional(L.LSTM(4, dtype="float64"), merge_mode=merge, dtype="float64"), _inputs()
    layer(x)
    randomise(layer)
    assert relative(jacobian(layer, x).last.transpose(0, 2, 1, 3), autodiff(layer, x)) < 1e-12


def test_a_list_of_layers_is_a_sequential() -> None:
    layers, x = [L.LSTM(4, **SEQ), L.GRU(3, **SEQ)], _inputs()
    found = jacobian(layers, x).full
    assert relative(found, autodiff(lambda v: layers[1](layers[0](v)), x)) < 1e-12


def test_layers_without_weights_yet_are_built() -> None:
    layer = L.LSTM(4, **SEQ)
    assert not layer.built
    assert jacobian(layer, _inputs()).full.any()
    assert layer.built


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize(
    "layer",
    [
        L.SimpleRNN(5, return_sequences=True, dtype="float64"),
        L.LSTM(5, return_sequences=True, dtype="float64", recurrent_activation="hard_sigmoid"),
        L.LSTM(5, return_sequences=True, dtype="float64"),
        L.GRU(5, return_sequences=True, dtype="float64", reset_after=False, activation="relu"),
        L.GRU(5, return_sequences=True, dtype="float64"),
    ],
    ids=lambda layer: layer.name,
)
def test_walking_in_place_gives_what_the_plain_loop_gives(layer: Any, batch: int) -> None:
    """Without a mask a trajectory is walked in place; with a mask that skips nothing by the plain loop."""
    x = np.random.default_rng(0).standard_normal((batch, 7, 3))
    plain, in_place = jacobian([L.Masking(5.0, dtype="float64"), layer], x), jacobian(layer, x)
    assert np.abs(plain.full - in_place.full).max() < 1e-14
    assert np.abs(plain.step - in_place.step).max() < 1e-14
