"""Names of variables, as text alone: no TensorFlow."""

from __future__ import annotations


def layer_of(path: str) -> str:
    """The layer that a variable belongs to: its path without the last part; a bare name is its own layer."""
    return path.rpartition("/")[0] or path


def is_kernel(path: str) -> bool:
    """A weight that multiplies, by its name: Keras calls the others bias, gamma and beta."""
    return not path.rpartition("/")[2].startswith(("bias", "gamma", "beta"))
