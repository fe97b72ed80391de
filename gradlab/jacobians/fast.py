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


_GROWTH = 8  # source steps by which the working columns grow at a time


def _lstm(node: LstmLinear, source: np.ndarray, out: np.ndarray, width: int) -> None:
    """Working arrays are contiguous, for elementwise passes over strided rows take twice as long; so their columns grow in groups, and
    the few that are ahead of their step hold nothing that is used: each is overwritten when its step comes."""
    n, (batch, steps, _, columns) = node.outputs, out.shape
    held = np.zeros((batch, n, 0), out.dtype)
    for start in range(0, steps, _GROWTH):
        have, wide = held.shape[2], min((start + _GROWTH) * width, columns)
        cells, dense = np.zeros((batch, n, wide), out.dtype), np.empty((batch, 2 * n, wide), out.dtype)
        cells[:, :, :have] = held
        outputs = np.empty_like(cells)
        for t in range(start, min(start + _GROWTH, steps)):
            k = t * width
            if t:
                np.matmul(node.halves[:, t], out[:, t - 1, :, :wide], out=dense)
                np.multiply(cells, node.forget[:, t, :, None], out=cells)
                np.add(cells, dense[:, n:], out=cells)
                np.multiply(cells, node.carry[:, t, :, None], out=outputs)
                np.add(outputs[:, :, :k], dense[:, :n, :k], out=out[:, t, :, :k])
            out[:, t, :, k : k + width] = source[:, t, :n]
            cells[:, :, k : k + width] = source[:, t, n:]
        held = cells
