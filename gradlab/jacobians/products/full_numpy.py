"""The full tensor of one recurrence in NumPy, written once, straight into its place: no copies, no work on the half
that is zero.

The work is cut into parts (a sample of the batch, a window of source steps) that need nothing of each other: they fit
the cache, and run on all cores.
"""

import itertools

import numpy as np

from gradlab.jacobians.recurrence import LinearRecurrence, LstmLinear
from gradlab.jacobians.threads import run_parts, scratch, workers

_SMALL = 1.5e8  # floating-point operations below which a second thread costs more than it gives
_COLUMNS = (
    640  # columns of one part, and elements of state over its samples: with the working arrays about a level-2 cache
)
_ELEMENTS = 1 << 17


def is_simple(node: LinearRecurrence, kind: str) -> bool:
    """Whether the output is the whole state (of an LSTM, its h), with nothing skipped, and the source is one per step."""
    if node.masked is not None or kind not in ("inputs", "states") or node.out is None or node.out.start != 0:
        return False
    return isinstance(node, LstmLinear) or node.outputs == node.states


def full(node: LinearRecurrence, kind: str, threads: int | None = None) -> np.ndarray | None:
    """(B, T, H, T, w), columns in processing order; None when this recurrence is not one of the simple shapes."""
    if not is_simple(node, kind):
        return None
    width = node.inputs if kind == "inputs" else node.states
    source = node.B if kind == "inputs" else node.A
    out = np.zeros((node.batch, node.steps, node.outputs, node.steps * width), node.dtype)
    kernel = _lstm if isinstance(node, LstmLinear) else _dense
    work = _work(node, width)
    windows = _windows(node.steps, width, node.batch, work)
    together = max(1, _ELEMENTS // (node.states * max(stop - first for first, stop in windows) * width))
    together = min(together, -(-node.batch // workers())) if work >= _SMALL else together
    samples = [slice(b, min(b + together, node.batch)) for b in range(0, node.batch, together)]
    parts = [(node, source, out, width, b, *w) for b in samples for w in windows]
    run_parts(kernel, parts, 1 if work < _SMALL else threads, "full Jacobian")
    return out.reshape(node.batch, node.steps, node.outputs, node.steps, width)


def _work(node: LinearRecurrence, width: int) -> float:
    return node.batch * node.steps**2 * width * node.states * node.outputs


def _windows(steps: int, width: int, batch: int, work: float) -> list[tuple[int, int]]:
    """Windows of source steps. Early ones cost more (they last until the end), so a lone sample's first ones are
    narrower.
    """
    count = -(-steps * width // _COLUMNS)
    if work >= _SMALL and batch < workers() > 1:
        count = max(count, 2 * workers())
    edges = [
        round(steps * (1 - (1 - k / count) ** 0.5)) if work >= _SMALL else round(steps * k / count)
        for k in range(count + 1)
    ]
    return [(a, b) for a, b in itertools.pairwise(edges) if b > a]


def _dense(
    node: LinearRecurrence, source: np.ndarray, out: np.ndarray, width: int, b: slice, first: int, stop: int
) -> None:
    a, rows, own, left = node.A[b], out[b], source[b], first * width
    for t in range(first, node.steps):
        k = min(t, stop) * width
        if t > first:
            np.matmul(a[:, t], rows[:, t - 1, :, left:k], out=rows[:, t, :, left:k])
        if t < stop:
            rows[:, t, :, k : k + width] = own[:, t]


_GROWTH = 8  # source steps by which the working columns grow at a time


def _lstm(node: LstmLinear, source: np.ndarray, out: np.ndarray, width: int, b: slice, first: int, stop: int) -> None:
    """Working arrays are contiguous, for elementwise passes over strided rows take twice as long; so their columns grow
    in groups, and the few that are ahead of their step hold nothing that is used: each is overwritten when its step
    comes.
    """
    n, left, rows, own = node.outputs, first * width, out[b], source[b]
    halves, forget, carry = node.halves[b], node.forget[b][..., None], node.carry[b][..., None]
    size, span = len(rows), (stop - first) * width
    lent = scratch(5 * size * n * span, out.dtype).reshape(5, -1)
    held = np.empty((size, n, 0), out.dtype)
    groups = [*range(first, stop, _GROWTH)]
    for turn, start in enumerate(groups):
        end = node.steps if start == groups[-1] else start + _GROWTH
        have, wide = held.shape[2], (min(start + _GROWTH, stop) - first) * width
        cells, outputs = (lent[i, : size * n * wide].reshape(size, n, wide) for i in (turn % 2, 2))
        dense = lent[3:].reshape(-1)[: size * 2 * n * wide].reshape(size, 2 * n, wide)
        cells[:, :, :have] = held
        cells[:, :, have:] = 0
        upper, lower = dense[:, :n], dense[:, n:]
        for t in range(start, end):
            k = (min(t, stop) - first) * width
            if t > first:
                np.matmul(halves[:, t], rows[:, t - 1, :, left : left + wide], out=dense)
                np.multiply(cells, forget[:, t], out=cells)
                np.add(cells, lower, out=cells)
                np.multiply(cells, carry[:, t], out=outputs)
                np.add(outputs[:, :, :k], upper[:, :, :k], out=rows[:, t, :, left : left + k])
            if t < stop:
                rows[:, t, :, left + k : left + k + width] = own[:, t, :n]
                cells[:, :, k : k + width] = own[:, t, n:]
        held = cells
