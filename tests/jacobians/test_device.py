"""A named device: TensorFlow does it all there, and gives what NumPy gives."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from gradlab.jacobians import jacobian

from .conftest import randomise, relative
from .test_exact import LAYERS, _inputs
from .test_states import MASK


@pytest.mark.parametrize(
    "name",
    ["SimpleRNN", "LSTM", "GRU", "GRU reset before", "go_backwards", "custom cell", "Bidirectional mul", "two layers"],
)
@pytest.mark.parametrize("mask", [None, MASK], ids=["", "masked"])
def test_tensorflow_on_the_cpu_equals_numpy(name: str, mask: np.ndarray | None) -> None:
    layer, x = LAYERS[name](), _inputs()
    layer(x)
    randomise(layer)
    here, there = jacobian(layer, x, mask=mask), jacobian(layer, x, mask=mask, device="/CPU:0")
    assert isinstance(there.full, tf.Tensor) and "CPU:0" in there.full.device
    for ask in ("full", "last", "diagonal"):
        assert relative(getattr(there, ask), getattr(here, ask)) < 1e-12, ask
    for order in ("fro", 2):
        ours, theirs = here.norms(order), np.asarray(there.norms(order))
        assert (np.isneginf(ours) == np.isneginf(theirs)).all()
        known = np.isfinite(ours)
        assert np.abs(ours[known] - theirs[known]).max() < 1e-12


def test_states_and_steps_on_the_device() -> None:
    layer, x = keras.layers.LSTM(4, dtype="float64"), _inputs()
    for wrt in ("states", "initial_state"):
        here, there = jacobian(layer, x, wrt=wrt), jacobian(layer, x, wrt=wrt, device="/CPU:0")
        assert relative(there.full, here.full) < 1e-12 and relative(there.last, here.last) < 1e-12
        assert relative(there.step, here.step) < 1e-12


def test_norms_on_the_device_do_not_underflow() -> None:
    layer = keras.layers.SimpleRNN(3, activation=None)
    x = np.zeros((1, 300, 2), "float32")
    layer.build(x.shape)
    layer.set_weights([np.ones((2, 3)), 0.25 * np.eye(3), np.zeros(3)])
    found = np.asarray(jacobian(layer, x, device="/CPU:0").norms())
    assert found[0, -1, 0] == pytest.approx(np.log10(np.sqrt(6)) + 299 * np.log10(0.25), abs=1e-4)


@pytest.mark.skipif(
    not tf.config.list_physical_devices("GPU"), reason="no GPU here, or GRADLAB_DEVICE=/GPU:0 is not set: NOT tested"
)
def test_everything_stays_on_a_gpu() -> None:
    layer, x = keras.layers.LSTM(8), np.random.default_rng(0).standard_normal((2, 20, 4)).astype("float32")
    found = jacobian(layer, x, device="/GPU:0")
    for ask in ("full", "last", "diagonal", "step"):
        assert "GPU:0" in getattr(found, ask).device
    assert relative(found.full, jacobian(layer, x).full) < 1e-5
