"""What this machine can do at most: multiplications of a large float32 product, and bytes written by a copy."""

import time
from statistics import median

import numpy as np


def sgemm_speed(repeats: int = 9, size: int = 768) -> float:
    """Floating-point operations per second of a large float32 matrix product on all cores."""
    a, b = np.random.default_rng(0).standard_normal((2, size, size)).astype("float32")
    out = np.empty_like(a)
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        np.matmul(a, b, out=out)
        times.append(time.perf_counter() - started)
    return 2 * size**3 / median(times)


def copy_speed(repeats: int = 9, size: int = 1 << 26) -> float:
    """Bytes written per second by copying a large array into memory that is there already."""
    source, target = np.ones(size, "uint8"), np.empty(size, "uint8")
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        np.copyto(target, source)
        times.append(time.perf_counter() - started)
    return size / median(times)


def floor_seconds(kind: str, batch: int, steps: int, units: int, inputs: int, sgemm: float, copy: float) -> float:
    """The least time that the full tensor can take: its products at sgemm speed and its causal half written at copy
    speed.

    A step multiplies an (H, H) matrix (for an LSTM (2H, H), the rest of its step being diagonal) by all earlier
    columns.
    """
    height = 2 * units if kind == "lstm" else units
    products = batch * height * units * inputs * steps * (steps - 1)
    written = 4 * batch * units * inputs * steps * (steps + 1) / 2
    return products / sgemm + written / copy
