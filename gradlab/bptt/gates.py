"""Weights of a cell and their gradients, split by gate as Keras lays them out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gradlab.bptt.layers import keras_class

# The order in which Keras lays the gates side by side along the last axis (both Kerases).
GATES = {
    "LSTMCell": ("input", "forget", "candidate", "output"),
    "GRUCell": ("update", "reset", "candidate"),
    "SimpleRNNCell": ("step",),
}
SPLIT = ("kernel", "recurrent_kernel", "bias")


@dataclass
class Gate:
    """One weight's part for one gate.

    Attributes
    ----------
    weight
        "kernel", "recurrent_kernel" or "bias"; the variable's own name in a cell of somebody's own.
    gate
        "input", "forget", "candidate", "output" (LSTM); "update", "reset", "candidate" (GRU); "step" (SimpleRNN);
        "all" where the cell is not Keras' own and its layout is not known.
    values, gradient
        Arrays of one shape, units last; `gradient` is None where the loss does not depend on the weight.
    trainable
        Whether an optimizer changes it. The gradient is there all the same.
    """

    weight: str
    gate: str
    values: np.ndarray
    gradient: np.ndarray | None
    trainable: bool

    @property
    def name(self) -> str:
        """The weight and the gate."""
        return self.weight if self.gate in ("all", "step") else f"{self.weight}, {self.gate}"

    def per_unit(self, what: str) -> np.ndarray | None:
        """Norm over all axes but the last: one number for each unit. `what`: "values" or "gradient"."""
        array = getattr(self, what)
        if array is None:
            return None
        flat = array.astype(float).reshape(-1, array.shape[-1] if array.ndim else 1)
        size = np.abs(flat).max(initial=0.0)
        if not np.isfinite(size) or size == 0:
            return np.asarray(np.abs(flat).max(0))
        return np.asarray(np.sqrt(((flat / size) ** 2).sum(0)) * size)


def variables(cell: Any) -> list[tuple[str, tuple[str, ...], Any]]:
    """(name, gates, variable) of each weight of a cell, or of the cells inside it."""
    cells = getattr(cell, "cells", None)
    if cells:
        inner = [(f"cell {n}: {name}", gates, v) for n, c in enumerate(cells) for name, gates, v in variables(c)]
        return inner
    owner = keras_class(cell)
    gates = GATES.get(owner.__name__ if owner else "")
    out: list[tuple[str, tuple[str, ...], Any]] = []
    split: set[int] = set()
    if gates:
        for name in SPLIT:
            variable = getattr(cell, name, None)
            if variable is not None:
                out.append((name, gates, variable))
                split.add(id(variable))
    for variable in getattr(cell, "weights", []):
        if id(variable) not in split and "seed" not in variable.name:
            out.append(
                (
                    str(getattr(variable, "path", variable.name)).rpartition("/")[2].removesuffix(":0"),
                    ("all",),
                    variable,
                )
            )
    return out


def split(name: str, gates: tuple[str, ...], variable: Any, gradient: Any, trainable: bool) -> list[Gate]:
    """One `Gate` for each gate of a weight."""
    values = np.asarray(variable)
    grad = None if gradient is None else np.asarray(gradient).reshape(values.shape)
    width = values.shape[-1] // len(gates) if values.ndim else 1
    if len(gates) > 1 and width * len(gates) != values.shape[-1]:
        raise ValueError(f"{name} has {values.shape[-1]} columns; expected {len(gates)} gates of equal width")
    out = []
    for n, gate in enumerate(gates):
        part = np.s_[..., n * width : (n + 1) * width] if len(gates) > 1 else np.s_[...]
        own = None if grad is None else grad[part]
        out.append(Gate(name, gate, values[part], own, trainable))
    return out
