"""Legacy Keras (tf_keras), passed directly and under TF_USE_LEGACY_KERAS=1: against autodiff, below 1e-12."""

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from gradlab.jacobians import jacobian

from .conftest import autodiff, randomise, relative

tf_keras = pytest.importorskip("tf_keras", reason="tf_keras is not installed: legacy Keras was NOT tested")
L = tf_keras.layers
SEQ = {"return_sequences": True, "dtype": "float64"}


class LegacyCell(L.Layer):
    """A custom cell of legacy Keras."""

    def __init__(self, units: int, **options: Any) -> None:
        super().__init__(**options)
        self.state_size, self.output_size = [units, units], units

    def build(self, shape: Any) -> None:
        self.k = self.add_weight("k", (int(shape[-1]), self.output_size))

    def call(self, x: Any, states: Any) -> Any:
        h, c = states
        c = tf.tanh(x @ self.k + h) + 0.5 * c
        return tf.sin(c), [tf.sin(c), c]


LAYERS: dict[str, Callable[[], Any]] = {
    "SimpleRNN": lambda: L.SimpleRNN(4, **SEQ),
    "LSTM": lambda: L.LSTM(4, **SEQ),
    "LSTM hard_sigmoid": lambda: L.LSTM(4, recurrent_activation="hard_sigmoid", dropout=0.5, **SEQ),
    "GRU": lambda: L.GRU(4, **SEQ),
    "GRU reset before": lambda: L.GRU(4, reset_after=False, go_backwards=True, **SEQ),
    "custom": lambda: L.RNN(LegacyCell(4, dtype="float64"), **SEQ),
    "SimpleRNN, own activation, dropout": lambda: L.SimpleRNN(4, activation=tf.sin, dropout=0.3, **SEQ),
    "stacked": lambda: L.RNN(
        L.StackedRNNCells([L.LSTMCell(4, dtype="float64"), L.GRUCell(3, dtype="float64")], dtype="float64"), **SEQ
    ),
    "Bidirectional": lambda: L.Bidirectional(L.GRU(4, **SEQ), dtype="float64"),
    "Sequential": lambda: tf_keras.Sequential([L.LSTM(4, **SEQ), L.SimpleRNN(3, **SEQ)]),
}


@pytest.mark.parametrize("name", LAYERS)
def test_legacy_layers(name: str) -> None:
    layer = LAYERS[name]()
    x = np.random.default_rng(1).standard_normal((2, 5, 3))
    layer(x)
    randomise(layer)
    expected = autodiff(layer, x)
    found = jacobian(layer, x)
    assert relative(found.full, expected) < 1e-12
    assert relative(found.last, expected[:, -1].transpose(0, 2, 1, 3)) < 1e-12


@pytest.mark.parametrize("name", ["LSTM", "custom", "Bidirectional"])
def test_legacy_masks(name: str) -> None:
    layer = LAYERS[name]()
    x = np.random.default_rng(1).standard_normal((2, 5, 3))
    mask = np.array([[0, 1, 1, 0, 1], [1, 1, 0, 0, 0]], bool)
    expected = autodiff(lambda v: layer(v, mask=tf.constant(mask)), x)
    assert relative(jacobian(layer, x, mask=mask).full, expected) < 1e-12


def test_tf_keras_under_the_switch() -> None:
    """What a learner has who sets TF_USE_LEGACY_KERAS=1: tf.keras is legacy Keras, and Keras 3 is never imported."""
    code = """
import sys, numpy as np, tensorflow as tf
from gradlab import jacobian
layer, x = tf.keras.layers.LSTM(4, return_sequences=True), tf.random.normal((2, 5, 3))
assert type(layer).__module__.startswith("tf_keras")
with tf.GradientTape() as tape:
    tape.watch(x)
    h = layer(x)
assert np.abs(jacobian(layer, x).full - tape.batch_jacobian(h, x).numpy()).max() < 1e-6
assert "keras" not in sys.modules
print("equal")
"""
    made = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, "TF_USE_LEGACY_KERAS": "1"}
    )
    assert made.stdout.strip() == "equal", made.stderr[-2000:]
