"""float32: close to float64 in calm regimes, and nowhere worse than twice the error of JAX's forward mode on the same
weights.
"""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from gradlab.jacobians import jacobian

from .conftest import relative

KINDS = ["rnn", "lstm", "gru", "norm"]


def _pair(networks: Any, kind: str, gain: float, steps: int, units: int = 16) -> tuple[Any, Any, np.ndarray]:
    """The same weights in float32 and in float64, recurrent ones scaled by gain."""
    x = np.random.default_rng(2).standard_normal((2, steps, 5)).astype("float32")
    single, double = networks.keras_layer(kind, units), networks.keras_layer(kind, units, "float64")
    for layer in (single, double):
        layer.build(x.shape)
    weights = [np.asarray(w, "float32") for w in single.get_weights()]
    weights[1] *= np.float32(gain)
    single.set_weights(weights)
    double.set_weights(weights)
    return single, double, x


@pytest.mark.parametrize("kind", KINDS)
def test_calm(networks: Any, kind: str) -> None:
    single, double, x = _pair(networks, kind, 0.9, 40)
    exact = jacobian(double, x.astype("float64"))
    assert relative(jacobian(single, x).full, exact.full) < 5e-6
    known = np.isfinite(exact.norms())
    assert np.abs(jacobian(single, x).norms() - exact.norms())[known].max() < 5e-6


@pytest.mark.parametrize(
    ("kind", "gain"), [(k, 0.9) for k in KINDS] + [("gru", 4.0), ("lstm", 6.0), ("rnn", 2.0), ("norm", 3.0)]
)
def test_no_worse_than_twice_jax(networks: Any, kind: str, gain: float) -> None:
    jax = pytest.importorskip(
        "jax", reason="JAX is not installed: the comparison with its float32 forward mode did NOT run"
    )
    single, double, x = _pair(networks, kind, gain, 60)
    exact = jacobian(double, x.astype("float64")).full
    forward = networks.jax_forward(kind)
    weights = [jax.numpy.asarray(w) for w in single.get_weights()]
    theirs = jax.jit(jax.vmap(jax.jacfwd(forward, argnums=1), in_axes=(None, 0)))(weights, x)
    assert theirs.dtype == np.float32
    # per block (t, s), relative to the block, where the block is not denormal
    blocks = np.abs(exact).max((2, 4))
    seen = blocks > 1e-30

    def worst(found: Any) -> float:
        return float((np.abs(np.asarray(found) - exact).max((2, 4))[seen] / blocks[seen]).max())

    ours = worst(jacobian(single, x).full)
    assert ours <= 2 * worst(theirs) or ours < 1e-6, (ours, worst(theirs))


@pytest.mark.parametrize("kind", KINDS)
def test_jax_agrees_in_float64(networks: Any, kind: str) -> None:
    jax = pytest.importorskip(
        "jax", reason="JAX is not installed: the comparison with its float64 forward mode did NOT run"
    )
    from jax import enable_x64

    _, double, x = _pair(networks, kind, 1.1, 12)
    with enable_x64(True):
        weights = [jax.numpy.asarray(w) for w in double.get_weights()]
        x64 = jax.numpy.asarray(x.astype("float64"))
        theirs = np.asarray(
            jax.vmap(jax.jacfwd(networks.jax_forward(kind), argnums=1), in_axes=(None, 0))(weights, x64)
        )
    assert theirs.dtype == np.float64
    assert relative(jacobian(double, x.astype("float64")).full, theirs) < 1e-12


def test_a_cell_of_ones_own_is_run_without_tf32() -> None:
    """On a GPU TF32 made the Jacobian wrong by 1e-3; the setting itself can be read on any machine."""
    enabled = tf.config.experimental.tensor_float_32_execution_enabled
    seen = []

    class Cell(keras.layers.SimpleRNNCell):
        def call(self, inputs, states, training=False):
            if tf.executing_eagerly():
                seen.append(enabled())
            return super().call(inputs, states, training=training)

    jacobian(keras.layers.RNN(Cell(3), return_sequences=True), np.ones((1, 4, 2), "float32"))
    assert seen[-1] is False and enabled()
