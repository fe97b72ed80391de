"""Elementwise activations in closed form, each used only after the actual function was seen to equal it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from gradlab.jacobians.backend import Array, NumpyOps, Ops


@dataclass(frozen=True)
class Activation:
    """An elementwise function a = value(z) and its derivative slope(z, a), both over any array operations."""

    value: Callable[[Ops, Array], Array]
    slope: Callable[[Ops, Array, Array], Array]


def _step(ops: Ops, condition: Array, like: Array) -> Array:
    return ops.where(condition, like * 0 + 1, like * 0)


def _sigmoid(ops: Ops, z: Array) -> Array:
    return 1 / (1 + ops.exp(-z))


def _softplus(ops: Ops, z: Array) -> Array:
    # log(1 + exp(z)) without overflow; log1p is not needed: the small term is added to a maximum of at least zero
    return ops.maximum(z, z * 0) + ops.log(1 + ops.exp(-ops.absolute(z)))


def _expm1_below_zero(ops: Ops, z: Array) -> Array:
    return ops.exp(ops.minimum(z, z * 0)) - 1


_SELU_SCALE, _SELU_ALPHA = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717

# Two names for one function differ between Keras 3 and legacy Keras (hard_sigmoid); which holds is found by trying
# both.
_KNOWN: dict[str, tuple[Activation, ...]] = {
    "linear": (Activation(lambda ops, z: z, lambda ops, z, a: z * 0 + 1),),
    "tanh": (Activation(lambda ops, z: ops.tanh(z), lambda ops, z, a: 1 - a * a),),
    "sigmoid": (Activation(_sigmoid, lambda ops, z, a: a * (1 - a)),),
    "relu": (Activation(lambda ops, z: ops.maximum(z, z * 0), lambda ops, z, a: _step(ops, z > 0, z)),),
    "hard_sigmoid": (
        Activation(
            lambda ops, z: ops.minimum(ops.maximum(z / 6 + 0.5, z * 0), z * 0 + 1),
            lambda ops, z, a: _step(ops, (z > -3) & (z < 3), z) / 6,
        ),
        Activation(
            lambda ops, z: ops.minimum(ops.maximum(0.2 * z + 0.5, z * 0), z * 0 + 1),
            lambda ops, z, a: _step(ops, (z >= -2.5) & (z <= 2.5), z) * 0.2,
        ),
    ),
    "softsign": (
        Activation(
            lambda ops, z: z / (1 + ops.absolute(z)),
            lambda ops, z, a: 1 / ((1 + ops.absolute(z)) * (1 + ops.absolute(z))),
        ),
    ),
    "softplus": (Activation(_softplus, lambda ops, z, a: _sigmoid(ops, z)),),
    "elu": (
        Activation(
            lambda ops, z: ops.where(z > 0, z, _expm1_below_zero(ops, z)),
            lambda ops, z, a: ops.where(z > 0, z * 0 + 1, a + 1),
        ),
    ),
    "selu": (
        Activation(
            lambda ops, z: _SELU_SCALE * ops.where(z > 0, z, _SELU_ALPHA * _expm1_below_zero(ops, z)),
            lambda ops, z, a: ops.where(z > 0, z * 0 + _SELU_SCALE, a + _SELU_SCALE * _SELU_ALPHA),
        ),
    ),
    "exponential": (Activation(lambda ops, z: ops.exp(z), lambda ops, z, a: a),),
    "silu": (
        Activation(
            lambda ops, z: z * _sigmoid(ops, z),
            lambda ops, z, a: _sigmoid(ops, z) * (1 + z * (1 - _sigmoid(ops, z))),
        ),
    ),
}
_KNOWN["swish"] = _KNOWN["silu"]

# Values in every branch of every function above, none of them on a kink (there two libraries may choose differently).
_PROBE = np.concatenate([np.linspace(-7.3, 7.3, 148), [-60.5, 60.5]])


def closed_form(function: Any) -> Activation | None:
    """The closed form of an activation, or None when there is none.

    A name alone proves nothing, so value and derivative of the function itself are compared with the closed form at 150
    points first (once per function); an activation from outside Keras and TensorFlow is never assumed to be
    elementwise.
    """
    if function is None:
        return _KNOWN["linear"][0]
    module, name = getattr(function, "__module__", None) or "", getattr(function, "__name__", "")
    if name not in _KNOWN or module.split(".")[0] not in ("keras", "tf_keras", "tensorflow"):
        return None
    return _matching(function, name)


@lru_cache(maxsize=64)
def _matching(function: Any, name: str) -> Activation | None:
    import tensorflow as tf

    z = tf.constant(_PROBE, tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(z)
        a = function(z)
    value = np.asarray(a)
    gradient = tape.gradient(a, z)
    if gradient is None or value.shape != _PROBE.shape:
        return None
    slope = np.asarray(gradient)
    ops = NumpyOps()
    for candidate in _KNOWN[name]:
        ours = candidate.value(ops, _PROBE)
        if _same(ours, value) and _same(candidate.slope(ops, _PROBE, ours), slope):
            return candidate
    return None


def _same(ours: np.ndarray, theirs: np.ndarray) -> bool:
    return bool(np.allclose(ours, theirs, rtol=1e-11, atol=1e-14))


SIGMOID, TANH = _KNOWN["sigmoid"][0], _KNOWN["tanh"][0]
