"""The full tensor of one recurrence in NumPy, written once, straight into its place: no copies, no work on the half that is zero."""

import numpy as np

from gradlab.jacobians.linear import Linear, LstmLinear


def full(node: Linear, kind: str) -> np.ndarray | None:
    """(B, T, H, T, w), columns in processing order; None when this recurrence is not one of the simple shapes."""
    if node.masked is not None or kind not in ("inputs", "states") or node.out is None:
        return None
    batch, steps, width = node.batch, node.steps, node.inputs if kind == "inputs" else node.states
    source = node.B if kind == "inputs" else node.A
    out = np.zeros((batch, steps, node.outputs, steps * width), node.dtype)
    if isinstance(node, LstmLinear):
        if node.out.start != 0:
            return None
        _lstm(node, source, out, width)
    elif node.outputs == node.states:
        _dense(node.A, source, out, width)
    else:
        return None
    return out.reshape(batch, steps, node.outputs, steps, width)


def _dense(a: np.ndarray, source: np.ndarray, out: np.ndarray, width: int) -> None:
    for t in range(out.shape[1]):
        k = t * width
        if t:
            np.matmul(a[:, t], out[:, t - 1, :, :k], out=out[:, t, :, :k])
        out[:, t, :, k : k + width] = source[:, t]


def _lstm(node: LstmLinear, source: np.ndarray, out: np.ndarray, width: int) -> None:
    n, (batch, steps, _, columns) = node.outputs, out.shape
    cells = np.zeros((batch, n, columns), out.dtype)
    dense = np.empty((batch, 2 * n, columns), out.dtype)
    for t in range(steps):
        k = t * width
        c = cells[:, :, :k]
        if t:
            d, row = dense[:, :, :k], out[:, t, :, :k]
            np.matmul(node.halves[:, t], out[:, t - 1, :, :k], out=d)
            np.multiply(c, node.forget[:, t, :, None], out=c)
            np.add(c, d[:, n:], out=c)
            np.multiply(c, node.carry[:, t, :, None], out=row)
            np.add(row, d[:, :n], out=row)
        out[:, t, :, k : k + width] = source[:, t, :n]
        cells[:, :, k : k + width] = source[:, t, n:]
