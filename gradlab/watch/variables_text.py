"""Names of variables, as text alone: no TensorFlow."""

from __future__ import annotations

import numpy as np


def layer_of(path: str) -> str:
    """The layer that a variable belongs to: its path without the last part; a bare name is its own layer."""
    return path.rpartition("/")[0] or path


def is_kernel(path: str) -> bool:
    """A weight that multiplies, by its name: Keras calls the others bias, gamma and beta."""
    return not path.rpartition("/")[2].startswith(("bias", "gamma", "beta"))


class Kernels:
    """Which of the names are kernels, as a bool array; worked out anew only when the list has changed."""

    def __init__(self) -> None:
        self._names: list[str] = []
        self._found = np.zeros(0, bool)

    def of(self, names: list[str]) -> np.ndarray:
        if names != self._names:
            self._names, self._found = list(names), np.array([is_kernel(name) for name in names], bool)
        return self._found
