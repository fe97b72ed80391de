"""Shared by the tests of gradlab.jacobian: references that know nothing of its method."""

import importlib.util
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def autodiff(function: Callable[[Any], Any], x: np.ndarray) -> np.ndarray:
    """d function(x) / d x per sample, by TensorFlow's reverse mode, one output element at a time: (B, outputs...,
    inputs...).
    """
    import tensorflow as tf

    x = tf.constant(x)

    def recorded() -> tuple[Any, Any, list[Any]]:
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(x)
            y = function(x)
            return tape, y, tf.unstack(tf.reshape(y, [y.shape[0], -1]), axis=1)

    tape, y, flat = recorded()
    rows = []
    for n in range(len(flat)):
        if n and tf.config.list_physical_devices("GPU"):
            tape, _, flat = recorded()  # of cuDNN's LSTM and GRU only the first gradient that a tape gives is right
        rows.append(tape.gradient(flat[n], x, unconnected_gradients="zero"))
    return tf.reshape(tf.stack(rows, 1), [x.shape[0], *y.shape[1:], *x.shape[1:]]).numpy()


def relative(found: Any, expected: Any) -> float:
    """The largest difference relative to the largest element; shapes must agree."""
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.shape == expected.shape, (found.shape, expected.shape)
    return float(np.abs(found - expected).max() / np.abs(expected).max())


@pytest.fixture(autouse=True)
def _seeded() -> None:
    import keras

    keras.utils.set_random_seed(7)


@pytest.fixture(scope="session")
def networks() -> Any:
    """benchmarks/networks.py: the same networks written in JAX."""
    path = Path(__file__).parents[2] / "benchmarks" / "networks.py"
    spec = importlib.util.spec_from_file_location("networks", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def randomise(layer: Any, scale: float = 0.7) -> None:
    """Random weights everywhere, biases too (they are zero at first, and zeros hide mistakes)."""
    generator = np.random.default_rng(3)
    layer.set_weights([scale * generator.standard_normal(w.shape).astype(w.dtype) for w in layer.get_weights()])
