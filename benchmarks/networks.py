"""The same recurrent networks in JAX and PyTorch, with the weights of a Keras layer: independent code to race and to
check against.
"""

from collections.abc import Callable
from typing import Any

Forward = Callable[[Any, Any], Any]  # (weights, one sequence (T, I)) -> outputs (T, H)


def jax_forward(kind: str) -> Forward:
    """SimpleRNN ("rnn"), LSTM ("lstm"), GRU with reset_after ("gru") or the layer-normalised cell ("norm") as a JAX
    scan.
    """
    import jax
    import jax.numpy as jnp
    from jax.nn import sigmoid

    def rnn(weights: Any, h: Any, x: Any) -> tuple[Any, Any]:
        w, u, b = weights
        h = jnp.tanh(x @ w + h @ u + b)
        return h, h

    def lstm(weights: Any, state: Any, x: Any) -> tuple[Any, Any]:
        (w, u, b), (h, c) = weights, state
        i, f, g, o = jnp.split(x @ w + h @ u + b, 4, -1)
        c = sigmoid(f) * c + sigmoid(i) * jnp.tanh(g)
        h = sigmoid(o) * jnp.tanh(c)
        return (h, c), h

    def gru(weights: Any, h: Any, x: Any) -> tuple[Any, Any]:
        w, u, b = weights
        xz, xr, xh = jnp.split(x @ w + b[0], 3, -1)
        hz, hr, hh = jnp.split(h @ u + b[1], 3, -1)
        z, r = sigmoid(xz + hz), sigmoid(xr + hr)
        h = z * h + (1 - z) * jnp.tanh(xh + r * hh)
        return h, h

    def norm(weights: Any, h: Any, x: Any) -> tuple[Any, Any]:
        w, u, gain = weights
        z = x @ w + h @ u
        z = z - jnp.mean(z, -1, keepdims=True)
        z = z / jnp.sqrt(jnp.mean(z * z, -1, keepdims=True) + 1e-5)
        h = jnp.tanh(gain * z)
        return h, h

    step = {"rnn": rnn, "lstm": lstm, "gru": gru, "norm": norm}[kind]

    def forward(weights: Any, x: Any) -> Any:
        zero = jnp.zeros(weights[1].shape[0], x.dtype)
        return jax.lax.scan(lambda s, v: step(weights, s, v), (zero, zero) if kind == "lstm" else zero, x)[1]

    return forward


def torch_forward(kind: str) -> Forward:
    """The same in PyTorch, written out step by step (its fused RNN layers have no forward-mode derivative)."""
    import torch

    def forward(weights: Any, x: Any) -> Any:
        w, u, b = weights
        h = torch.zeros(u.shape[0], dtype=x.dtype)
        c = torch.zeros(u.shape[0], dtype=x.dtype)
        rows = []
        for v in x.unbind(0):
            if kind == "rnn":
                h = torch.tanh(v @ w + h @ u + b)
            elif kind == "lstm":
                i, f, g, o = torch.chunk(v @ w + h @ u + b, 4, -1)
                c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
                h = torch.sigmoid(o) * torch.tanh(c)
            else:
                xz, xr, xh = torch.chunk(v @ w + b[0], 3, -1)
                hz, hr, hh = torch.chunk(h @ u + b[1], 3, -1)
                z, r = torch.sigmoid(xz + hz), torch.sigmoid(xr + hr)
                h = z * h + (1 - z) * torch.tanh(xh + r * hh)
            rows.append(h)
        return torch.stack(rows)

    return forward


def keras_layer(kind: str, units: int, dtype: str = "float32") -> Any:
    """The Keras layer of that kind; "norm" is a custom cell, normalised over its units, that no closed form covers."""
    import keras

    layers = keras.layers
    if kind == "norm":
        return layers.RNN(_norm_cell()(units, dtype=dtype), return_sequences=True, dtype=dtype)
    return {"rnn": layers.SimpleRNN, "lstm": layers.LSTM, "gru": layers.GRU}[kind](
        units, return_sequences=True, dtype=dtype
    )


def _norm_cell() -> Any:
    import keras

    class NormCell(keras.layers.Layer):
        def __init__(self, units: int, **options: Any) -> None:
            super().__init__(**options)
            self.units = self.state_size = self.output_size = units

        def build(self, shape: Any) -> None:
            self.kernel = self.add_weight(shape=(shape[-1], self.units), initializer="glorot_uniform")
            self.recurrent_kernel = self.add_weight(shape=(self.units, self.units), initializer="orthogonal")
            self.gain = self.add_weight(shape=(self.units,), initializer="ones")

        def call(self, x: Any, states: Any) -> Any:
            z = x @ self.kernel + states[0] @ self.recurrent_kernel
            z = z - keras.ops.mean(z, -1, keepdims=True)
            z = z / keras.ops.sqrt(keras.ops.mean(z * z, -1, keepdims=True) + 1e-5)
            h = keras.ops.tanh(self.gain * z)
            return h, [h]

    return NormCell
