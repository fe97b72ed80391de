"""Measure the ways to a Jacobian against each other, and how their cost grows; data only, drawn by plots.py."""

import contextlib
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np

from gradlab.jacobians.api import jacobian
from gradlab.jacobians.progress import progress_bar
from gradlab.lab.jacobian_race.readable import folk_loop, jacobian_at_once, jacobian_per_step, jacobian_structured


@dataclass(frozen=True)
class Lane:
    """One competitor: its times in seconds (the first call apart, because it traces), the shape it gave, and whether
    that was right.
    """

    name: str
    first: float
    seconds: tuple[float, ...]
    shape: tuple[int, ...]
    # Largest difference to the exact Jacobian, relative to its largest element; None: another shape.
    error: float | None

    @property
    def median(self) -> float:
        """The median of the later calls, or the first when there was no time for another."""
        return median(self.seconds) if self.seconds else self.first


def race(layer: Any, x: Any, *, repeats: int = 9, budget: float = 20.0, progress: bool = True) -> list[Lane]:
    """Race the four ways of readable.py and `jacobian` on a tanh SimpleRNN(return_sequences=True), x (B, T, I): fastest
    last.

    Every round calls each lane once, so that a busy moment of the machine hits all alike; a lane leaves once it has
    used `budget` seconds. What is right is judged against `jacobian` of the same weights and inputs in float64, itself
    computed by no lane.
    """
    if (
        type(layer).__name__ != "SimpleRNN"
        or not layer.return_sequences
        or getattr(layer.activation, "__name__", "") != "tanh"
    ):
        raise TypeError(
            f"race needs a SimpleRNN with tanh and return_sequences=True, found {type(layer).__name__}: the structured "
            f"way is for that"
        )
    from gradlab.runtime.devices import full_float32  # imports TensorFlow

    lanes: dict[str, Callable[[], Any]] = {
        "folk loop (sums over units)": lambda: folk_loop(layer, x),
        "batch_jacobian per step": lambda: jacobian_per_step(layer, x),
        "batch_jacobian at once": lambda: jacobian_at_once(layer, x),
        "structured, NumPy": lambda: jacobian_structured(layer, x),
        "gradlab.jacobian": lambda: jacobian(layer, x).full,
    }
    first: dict[str, float] = {}
    results: dict[str, np.ndarray] = {}
    times: dict[str, list[float]] = {name: [] for name in lanes}
    quiet, bar_of = _without_retracing_warnings(), progress_bar(len(lanes) * (repeats + 1), "race", progress)
    with quiet, full_float32(), bar_of as bar:
        for name, call in lanes.items():
            started = time.perf_counter()
            results[name] = np.asarray(call())
            first[name] = time.perf_counter() - started
            bar.update(1)
        for _ in range(repeats):
            for name, call in lanes.items():
                if first[name] + sum(times[name]) < budget:
                    started = time.perf_counter()
                    call()
                    times[name].append(time.perf_counter() - started)
                bar.update(1)
    exact = _in_float64(layer, x)
    done = [Lane(n, first[n], tuple(times[n]), results[n].shape, _error(results[n], exact)) for n in lanes]
    return sorted(done, key=lambda lane: -lane.median)


@contextlib.contextmanager
def _without_retracing_warnings() -> Iterator[None]:
    """Eager Jacobians trace anew at every call. That is part of what is raced, and need not be said each time."""
    import tensorflow as tf

    def other(record: logging.LogRecord) -> bool:
        return "retracing" not in record.getMessage()

    logger = tf.get_logger()
    logger.addFilter(other)
    try:
        yield
    finally:
        logger.removeFilter(other)


def _in_float64(layer: Any, x: Any) -> np.ndarray:
    twin = type(layer)(layer.units, return_sequences=True, dtype="float64")
    x64 = np.asarray(x, "float64")
    twin.build(x64.shape)
    twin.set_weights([np.asarray(w, "float64") for w in layer.get_weights()])
    return np.asarray(jacobian(twin, x64).full)


def _error(found: np.ndarray, exact: np.ndarray) -> float | None:
    return None if found.shape != exact.shape else float(np.abs(found - exact).max() / np.abs(exact).max())


@dataclass(frozen=True)
class Cost:
    """Median seconds of one quantity for several T, and the exponent k of seconds = c T^k fitted to the longer half of
    them.
    """

    quantity: str
    steps: tuple[int, ...]
    seconds: tuple[float, ...]
    exponent: float


def cost(
    layer: Any,
    steps: Sequence[int] = (100, 200, 400, 800),
    *,
    features: int = 10,
    repeats: int = 5,
    progress: bool = True,
) -> list[Cost]:
    """How the cost of full, norms (T² each), diagonal and step (T each) of a layer grows with T, measured on random
    inputs, batch 1.

    The exponent is fitted to the longer half of the steps, where the fixed cost of a call no longer counts.
    """
    if len(steps) < 4 or sorted(set(steps)) != list(steps):
        raise ValueError(f"steps is {list(steps)}; expected at least four numbers, growing")
    generator = np.random.default_rng(0)
    inputs = {T: generator.standard_normal((1, T, features)).astype("float32") for T in steps}
    ask: dict[str, Callable[[Any], Any]] = {
        "full": lambda j: j.full,
        "norms": lambda j: j.norms(progress=False),
        "diagonal": lambda j: j.diagonal,
        "step": lambda j: j.step,
    }
    times: dict[tuple[str, int], list[float]] = {(name, T): [] for name in ask for T in steps}
    with progress_bar((repeats + 1) * len(times), "cost", progress) as bar:
        for turn in range(repeats + 1):
            for (name, T), found in times.items():
                started = time.perf_counter()
                ask[name](jacobian(layer, inputs[T]))
                if turn:  # the first round traces and warms up
                    found.append(time.perf_counter() - started)
                bar.update(1)
    half = len(steps) // 2
    done = []
    for name in ask:
        seconds = tuple(median(times[name, T]) for T in steps)
        slope = float(np.polyfit(np.log(steps[half:]), np.log(seconds[half:]), 1)[0])
        done.append(Cost(name, tuple(steps), seconds, slope))
    return done
