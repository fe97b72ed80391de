"""Recurrent layers whose memory can be turned up and down, for the maps of |d h_t / d x_s|.

- `Tunable`: a seeded SimpleRNN, GRU or LSTM; `tune` sets the spectral radius of its recurrent weights.
- `tuned_layer`: the same in one call.
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
        blocks = np.split(np.asarray(self.layer.cell.recurrent_kernel), GATES[kind], axis=1)
        self._kernel = np.concatenate([b / np.abs(np.linalg.eigvals(b)).max() for b in blocks], axis=1)
        self._kind, self._units = kind, units

    def tune(self, radius: float, forget_bias: float) -> Any:
        """Scale every gate's recurrent matrix to the spectral radius, its largest |eigenvalue|; return the layer.

        forget_bias is the LSTM's only.
        """
        self.layer.cell.recurrent_kernel.assign(radius * self._kernel)
        if self._kind == "LSTM":
            self.layer.cell.bias.assign(np.repeat([0.0, forget_bias, 0.0, 0.0], self._units))
        return self.layer


def tuned_layer(kind: str, units: int, inputs: int, radius: float, forget_bias: float) -> Any:
    """A new seeded layer, tuned; see `Tunable`."""
    return Tunable(kind, units, inputs).tune(radius, forget_bias)
