"""Norms of every d h_t / d x_s, right from 1e-300 to 1e+300: rescaled blocks, and the log of what was taken out."""

from typing import Any

import numpy as np

from gradlab.jacobians.backend import Array, Ops
from gradlab.jacobians.products.forward import JacobianRow

_LOG10_2 = float(np.log10(2.0))


def log10_norms(row: JacobianRow, order: Any, ops: Ops) -> Array:
    """log10 of the norm of each block (B, H, n, w) of a row: (B, n), float64; -inf for a zero block, nan for one that
    is not finite.
    """
    values = row.values
    size = ops.amax(ops.absolute(values), (1, 3))
    normal = ops.isfinite(size) & (size > 0)
    # the largest element taken out first: squares of anything left neither underflow to nothing nor overflow
    unit = (
        values / ops.where(normal, size, size * 0 + 1)[:, None, :, None]
        if ops.name == "tensorflow"
        else _divide(values, size, normal)
    )
    squared = _frobenius(unit, ops) if order == "fro" else _spectral(unit, normal, ops)
    nothing = squared * 0
    log = ops.log(ops.where(normal, squared, nothing + 1)) * (0.5 / float(np.log(10.0)))
    log = log + ops.log(ops.cast(ops.where(normal, size, size * 0 + 1), "float64")) / float(np.log(10.0))
    if row.exponents is not None:
        log = log + ops.cast(row.exponents, "float64") * _LOG10_2
    return ops.where(normal, log, ops.where(size == 0, log * 0 - np.inf, log * 0 + np.nan))


def _divide(values: np.ndarray, size: np.ndarray, normal: np.ndarray) -> np.ndarray:
    return values / np.where(normal, size, 1).astype(values.dtype)[:, None, :, None]


def _frobenius(unit: Array, ops: Ops) -> Array:
    if ops.name == "numpy":
        return np.einsum("bhnw,bhnw->bn", unit, unit).astype("float64")
    return ops.cast(ops.sum(unit * unit, (1, 3)), "float64")


def _spectral(unit: Array, normal: Array, ops: Ops) -> Array:
    """The largest eigenvalue of the smaller Gram matrix; squaring costs the largest one no accuracy."""
    blocks = ops.cast(ops.transpose(unit, (0, 2, 1, 3)), "float64")
    blocks = ops.where(normal[..., None, None], blocks, blocks * 0)
    if ops.name == "numpy":
        blocks[~normal] = 0.0
        turned = blocks.swapaxes(2, 3)
    else:
        turned = ops.transpose(blocks, (0, 1, 3, 2))
    gram = blocks @ turned if int(blocks.shape[2]) <= int(blocks.shape[3]) else turned @ blocks
    return ops.maximum(ops.eigvalsh(gram)[..., -1], ops.sum(gram[..., 0, :] * 0, (-1,)))
