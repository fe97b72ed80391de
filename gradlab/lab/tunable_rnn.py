"""Recurrent layers whose memory can be turned up and down, for the maps of |d h_t / d x_s|.

- `Tunable`: a seeded SimpleRNN, GRU or LSTM; `own` has the weights that Keras makes, `tune` sets their spectral radius.
- `tuned_layer`: the same in one call.
- `inputs_of_size_one`: the sequence that the maps are drawn for.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

GATES = {"SimpleRNN": 1, "GRU": 3, "LSTM": 4}  # square blocks side by side in the recurrent kernel


class Tunable:
    """A seeded layer that returns every state. kind: "SimpleRNN", "GRU" or "LSTM"; LookupError for another.

    Attribute `layer`: the Keras layer, built for (batch, steps, inputs).
    """

    def __init__(self, kind: str, units: int, inputs: int) -> None:
        if kind not in GATES:
            raise LookupError(f"There is no layer `{kind}` here. There are: {', '.join(GATES)}.")
        tf.keras.utils.set_random_seed(0)
        self.layer = getattr(tf.keras.layers, kind)(units, return_sequences=True)
        self.layer.build((1, None, inputs))
        self._own = np.asarray(self.layer.cell.recurrent_kernel)
        blocks = np.split(self._own, GATES[kind], axis=1)
        self._kernel = np.concatenate([b / np.abs(np.linalg.eigvals(b)).max() for b in blocks], axis=1)
        self._kind, self._units = kind, units

    def own(self) -> Any:
        """The layer with the weights that Keras makes: an orthogonal recurrent kernel, a forget bias of 1 (the LSTM's)."""
        return self._set(self._own, 1.0)

    def tune(self, radius: float, forget_bias: float) -> Any:
        """Scale every gate's recurrent matrix to the spectral radius, its largest |eigenvalue|; return the layer.

        forget_bias is the LSTM's only.
        """
        return self._set(radius * self._kernel, forget_bias)

    def _set(self, kernel: np.ndarray, forget_bias: float) -> Any:
        self.layer.cell.recurrent_kernel.assign(kernel)
        if self._kind == "LSTM":  # input gate, forget gate, candidate, output gate
            self.layer.cell.bias.assign(np.repeat([0.0, forget_bias, 0.0, 0.0], self._units))
        return self.layer


def tuned_layer(kind: str, units: int, inputs: int, radius: float, forget_bias: float) -> Any:
    """A new seeded layer, tuned; see `Tunable`."""
    return Tunable(kind, units, inputs).tune(radius, forget_bias)


def inputs_of_size_one(steps: int, inputs: int) -> np.ndarray:
    """A seeded sequence of standard normal numbers, (1, steps, inputs). Keras' initial weights are made for this size."""
    return np.random.default_rng(0).standard_normal((1, steps, inputs))
