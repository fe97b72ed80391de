"""Evidence by running again: move a source a little, see whether and how the loss moves.

Central differences in one fixed random direction of +-1 entries; the state of variables and generators is put back
before each run.
The number of runs and their time are limited; a limit that was reached is said in the evidence, never passed over.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf

from gradlab.doctor.recording.sources import Source

# How far a source is moved to see whether the loss moves at all: from less than a rounding step of `tf.round` to more
# than the distance between any two levels of it.
SCALES = (0.01, 0.1, 0.3, 1.0, 3.0)
MAX_RUNS = 120  # of the user's function in one report: a run of 10 ms makes a report of about a second
MAX_SECONDS = 30.0  # that all of them may take
STEP = 1e-2  # of a central difference, relative to the source's size; then a quarter of it
# A central difference in float32: the loss is rounded at 6e-8 of its size, twice, over twice the step. With a margin.
ROUNDING = 4e-7
SMALLEST_LOSS = 1e-3  # a loss near 0 is rounded like the terms that it is the sum of, not like itself
SMALLEST_SIZE = 1e-2  # of a source: one of zeros is moved by this
CLOSE = 0.01  # tape and difference agree within this part: curvature at STEP makes more than rounding does
SETTLED = 0.1  # the two steps agree within this part, or the loss is not smooth there and nothing is said
# The tape contradicts the settled difference by more than this part and three times what the two steps disagree.
WRONG, WOBBLE = 0.012, 3
SEED = 7  # of the direction, fixed so that a report says the same at each run
STEADY = 1e-6  # part of the loss by which two runs may differ and still count as the same: float32 sums vary by this


class Spent(Exception):
    """The limit on re-runs was reached."""


@dataclass
class Slope:
    """A directional derivative: what the tape says and what the loss does."""

    tape: float
    measured: float
    step: float
    contradicts: bool  # by more than the step sizes disagree and rounding explains


class Probe:
    """Runs the user's function again with sources moved."""

    def __init__(
        self,
        function: Callable[[], Any],
        reset: Callable[[], None],
        base: float,
        *,
        max_runs: int = MAX_RUNS,
        max_seconds: float = MAX_SECONDS,
        progress: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.function, self.reset, self.base = function, reset, base
        self.runs, self.max_runs, self.max_seconds = 0, max_runs, max_seconds
        self.started = time.monotonic()
        self.progress = progress
        self._steady: bool | None = None

    def spent(self) -> bool:
        return self.runs >= self.max_runs or time.monotonic() - self.started > self.max_seconds

    def loss(self) -> float:
        """The loss of one more run in the user's own mode."""
        if self.spent():
            raise Spent(f"stopped after {self.runs} re-runs and {time.monotonic() - self.started:.0f} s")
        self.runs += 1
        self.progress(f"re-run {self.runs}")
        self.reset()
        out = self.function()
        return float(np.sum(np.asarray(tf.convert_to_tensor(out), dtype=np.complex128).real))

    def steady(self) -> bool:
        """Does the loss repeat itself when nothing is moved?"""
        if self._steady is None:
            again = self.loss()
            self._steady = again == self.base or abs(again - self.base) <= STEADY * abs(self.base)
        return self._steady

    def can_move(self, source: Source) -> bool:
        return source.value.dtype.is_floating and (source.is_variable or bool(_sites(self.function, source.value)))

    @contextmanager
    def moved(self, source: Source, by: np.ndarray) -> Iterator[None]:
        """`source` has `by` added while the context lasts (a tensor is exchanged where the function's closure holds
        it)."""
        value = source.value
        if source.is_variable:
            before = value.read_value()
            value.assign(before + tf.cast(by, value.dtype))
            try:
                yield
            finally:
                value.assign(before)
            return
        other = value + tf.cast(by, value.dtype)
        sites = _sites(self.function, value)
        for put in sites:
            put(other)
        try:
            yield
        finally:
            for put in sites:
                put(value)

    def loss_at(self, moves: list[tuple[Source, np.ndarray]]) -> float:
        """The loss with these sources moved by these amounts."""
        if self.spent():
            raise Spent(f"stopped after {self.runs} re-runs and {time.monotonic() - self.started:.0f} s")
        self.runs += 1
        self.progress(f"re-run {self.runs}")
        self.reset()
        return self._nested(moves)

    def _nested(self, moves: list[tuple[Source, np.ndarray]]) -> float:
        if not moves:
            out = self.function()
            return float(np.sum(np.asarray(tf.convert_to_tensor(out), dtype=np.complex128).real))
        with self.moved(*moves[0]):
            return self._nested(moves[1:])

    def slope(self, sources: list[Source], gradients: list[Any], eps: float = STEP, seed: int = SEED) -> Slope:
        """Compare the tape with a central difference along one direction; settled if half the step says the same."""
        rng = np.random.default_rng(seed)
        moves, expected = [], 0.0
        for s, g in zip(sources, gradients, strict=True):
            shape = tuple(s.value.shape)
            direction = rng.choice([-1.0, 1.0], size=shape)
            value = (
                np.asarray(s.value, dtype=np.float64)
                if not s.is_variable
                else np.asarray(s.value.numpy(), dtype=np.float64)
            )
            size = max(float(np.sqrt(np.mean(value**2))) if value.size else 1.0, SMALLEST_SIZE)
            direction = direction * min(size, 1.0)
            expected += float(np.sum(np.asarray(tf.convert_to_tensor(g), dtype=np.float64) * direction))
            moves.append((s, direction))
        noise = ROUNDING * max(abs(self.base), SMALLEST_LOSS) / eps
        first = self._central(moves, eps)
        if abs(first - expected) <= CLOSE * max(abs(first), abs(expected)) + noise:
            return Slope(expected, first, eps, False)
        noise *= 4  # a quarter of the step: four times the rounding
        second = self._central(moves, eps / 4)
        gap, wobble, size = abs(second - expected), abs(first - second), max(abs(second), abs(expected))
        settled = wobble <= SETTLED * max(abs(first), abs(second)) + noise
        contradicts = settled and gap > WRONG * size + WOBBLE * wobble + noise
        return Slope(expected, second, eps / 4, contradicts)

    def _central(self, moves: list[tuple[Source, np.ndarray]], eps: float) -> float:
        up = self.loss_at([(s, d * eps) for s, d in moves])
        down = self.loss_at([(s, -d * eps) for s, d in moves])
        return (up - down) / (2 * eps)

    def moves_loss(self, source: Source) -> tuple[float, float] | None:
        """The first scale at which moving the source moves the loss, and by how much; None if no change was seen."""
        rng = np.random.default_rng(11)
        direction = rng.choice([-1.0, 1.0], size=tuple(source.value.shape))
        if not self.steady():
            raise Spent("the loss is random: it differs between two runs with nothing moved")
        for scale in SCALES:
            for sign in (1, -1):
                change = self.loss_at([(source, sign * scale * direction)]) - self.base
                if abs(change) > STEADY * max(abs(self.base), STEADY) or change != change:
                    return scale, change
        return None


def _sites(function: Any, value: Any) -> list[Callable[[Any], None]]:
    """Setters for the closure cells and globals through which a function reaches a tensor."""
    found: list[Callable[[Any], None]] = []
    seen: set[int] = set()

    def visit(f: Any, depth: int) -> None:
        f = getattr(f, "python_function", f)
        f = getattr(f, "__func__", f)
        code = getattr(f, "__code__", None)
        if code is None or id(f) in seen:
            return
        seen.add(id(f))
        inner = []
        for cell in f.__closure__ or ():
            try:
                content = cell.cell_contents
            except ValueError:
                continue  # an empty cell holds nothing to exchange
            if content is value:
                found.append(partial(setattr, cell, "cell_contents"))
            else:
                inner.append(content)
        used = set(code.co_names)
        for c in code.co_consts:
            used |= set(getattr(c, "co_names", ()))
        for n in used:
            content = f.__globals__.get(n)
            if content is value:
                found.append(partial(f.__globals__.__setitem__, n))
            elif content is not None:
                inner.append(content)
        if depth:
            for content in inner:
                if hasattr(content, "__code__") or hasattr(content, "python_function") or hasattr(content, "__func__"):
                    visit(content, depth - 1)

    visit(function, 3)
    return found
