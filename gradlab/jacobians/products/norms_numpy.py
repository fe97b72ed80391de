"""The map of norms of one recurrence in NumPy: the same products as the full tensor's (fast.py), of which only sums of
squares are kept.

Columns of a source step carry one common power of two, taken out when they leave a calm range and counted apart, so a
product of any length neither underflows nor overflows. Parts (a sample, a window of source steps) run on all cores.
"""

import itertools
from dataclasses import dataclass

import numpy as np

from gradlab.jacobians.products.full_numpy import is_simple
from gradlab.jacobians.recurrence import LinearRecurrence, LstmLinear
from gradlab.jacobians.threads import run_parts, workers

_LOG10_2 = float(np.log10(2.0))
_CALM = {"float32": 40, "float64": 400}  # columns whose sums of squares are within 2**±this are left as they are
_UNITS = 64  # with fewer, the many short steps of several threads wait for the interpreter, and one thread is faster
_COLUMNS = 2600  # columns of one part
_SAFE = {"float32": 90, "float64": 900}  # and a sum of squares outside of 2**±this may have lost digits


def log10_norms(
    node: LinearRecurrence, kind: str, threads: int | None = None, progress: bool = True
) -> np.ndarray | None:
    """(B, T, T) float64, columns in processing order: log10 of the Frobenius norms, -inf for zero, nan for what is not
    finite; None when this recurrence is not one of the simple shapes.
    """
    if not is_simple(node, kind):
        return None
    width = node.inputs if kind == "inputs" else node.states
    source = node.B if kind == "inputs" else node.A
    out = np.full((node.batch, node.steps, node.steps), -np.inf)
    alone = node.outputs < _UNITS
    ranges = _windows(node.steps, width, 1 if alone else workers())
    parts = [(node, source, out, width, b, *w) for b in range(node.batch) for w in ranges]
    run_parts(_part, parts, 1 if alone else threads, "norms" if progress else "")
    return out


def _windows(steps: int, width: int, least: int) -> list[tuple[int, int]]:
    """Windows of source steps with about equal work: early ones last until the end, so they are narrower."""
    count = max(least, -(-steps * width // _COLUMNS))
    edges = [round(steps * (1 - (1 - k / count) ** 0.5)) for k in range(count + 1)]
    return [(a, b) for a, b in itertools.pairwise(edges) if b > a]


def _part(
    node: LinearRecurrence, source: np.ndarray, out: np.ndarray, width: int, b: int, first: int, stop: int
) -> None:
    step = _Lstm(node, b) if isinstance(node, LstmLinear) else _Dense(node, b)
    state = _Columns(node, width, stop - first)
    squares = np.zeros((node.steps - first, stop - first))
    powers = np.zeros_like(squares)
    for t in range(first, node.steps):
        if t > first:
            step.advance(t, state)
        if t < stop:
            state.append(source[b, t])
        n = state.sources
        squares[t - first, :n], powers[t - first, :n] = state.measure()
    squares[np.isinf(squares)] = np.nan
    out[b, first:, first:stop] = np.log10(squares) * 0.5 + powers * _LOG10_2


@dataclass
class _Dense:
    """A step of a recurrence without structure: one product."""

    node: LinearRecurrence
    sample: int

    def advance(self, t: int, state: "_Columns") -> None:
        k = state.filled
        np.matmul(self.node.A[self.sample, t], state.values[:, :k], out=state.spare[:, :k])
        state.values, state.spare = state.spare, state.values


@dataclass
class _Lstm:
    """A step of an LSTM: half a product, the rest is diagonal (linear.py)."""

    node: LstmLinear
    sample: int

    def advance(self, t: int, state: "_Columns") -> None:
        node, b, k, n = self.node, self.sample, state.filled, self.node.outputs_of_cell
        h, c, dense = state.values[:n, :k], state.values[n:, :k], state.spare[:, :k]
        np.matmul(node.halves[b, t], h, out=dense)
        np.multiply(c, node.forget[b, t, :, None], out=c)
        np.add(c, dense[n:], out=c)
        np.multiply(c, node.carry[b, t, :, None], out=h)
        np.add(h, dense[:n], out=h)


class _Columns:
    """The change of the state per source step: values[:, s * width : (s + 1) * width] * 2**powers[s]."""

    def __init__(self, node: LinearRecurrence, width: int, sources: int) -> None:
        self.values, self.spare = np.empty((2, node.states, sources * width), node.dtype)
        self.sources, self.filled = 0, 0
        self._width, self._outputs = width, node.outputs
        self._powers = np.zeros(sources)
        self._dead = np.zeros(sources, bool)  # exactly zero, and so for good
        self._calm, self._safe = 2.0 ** _CALM[node.dtype], 2.0 ** _SAFE[node.dtype]

    def append(self, block: np.ndarray) -> None:
        """One more source step, its effect on the state (S, width)."""
        self.values[:, self.filled : self.filled + self._width] = block
        self.sources, self.filled = self.sources + 1, self.filled + self._width

    def measure(self) -> tuple[np.ndarray, np.ndarray]:
        """Sums of squares of the output's part of each source's columns, and the powers of two to go with them."""
        own = self._squares(self.values[: self._outputs, : self.filled])
        rest = self.values[self._outputs :, : self.filled]
        whole = own + self._squares(rest) if len(rest) else own
        wild = _outside(whole, self._calm)
        wild &= ~(self._dead[: self.sources] & (whole == 0))
        lost = _outside(own, self._safe) & ~self._dead[: self.sources]
        powers = self._powers[: self.sources].copy()
        if not (wild.any() or lost.any()):
            return own, powers
        own = own.astype("float64")
        found = np.flatnonzero(wild | lost)
        blocks = self._blocks()
        part = blocks[: self._outputs, found].astype("float64")
        exponents = _exponents(part)
        scaled = _times_power(part, -exponents)
        own[found] = (scaled * scaled).sum((0, 2))
        powers[found] += exponents
        self._calm_down(blocks, np.flatnonzero(wild))
        return own, powers

    def _squares(self, values: np.ndarray) -> np.ndarray:
        return np.einsum("hk,hk->k", values, values).reshape(-1, self._width).sum(1)

    def _blocks(self) -> np.ndarray:
        return self.values[:, : self.filled].reshape(len(self.values), self.sources, self._width)

    def _calm_down(self, blocks: np.ndarray, which: np.ndarray) -> None:
        part = blocks[:, which].astype("float64")
        self._dead[which[(part == 0).all((0, 2))]] = True
        exponents = _exponents(part)
        blocks[:, which] = _times_power(part, -exponents)
        self._powers[which] += exponents


def _outside(squares: np.ndarray, limit: float) -> np.ndarray:
    return ~((squares > 1 / limit) & (squares < limit))  # so written, it holds for nan too


def _exponents(blocks: np.ndarray) -> np.ndarray:
    """The power of two of the largest element of each block; 0 where there is none."""
    size = np.abs(blocks).max((0, 2))
    return np.where(np.isfinite(size) & (size > 0), np.frexp(size)[1], 0).astype("float64")


def _times_power(blocks: np.ndarray, exponents: np.ndarray) -> np.ndarray:
    return np.ldexp(blocks, exponents.astype("int32")[:, None])
