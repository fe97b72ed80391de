"""The trajectory of a stock cell in NumPy, in place: what a Jacobian's first milliseconds go into.

One step of a small cell is a dozen array operations of half a microsecond each, so what counts is how many there are
and that none makes a new array. Everything is written straight into its place, and the local Jacobians of all steps
then read it there. Float64 throughout (cells.py says why). Sequences with a mask, and TensorFlow on a
device, take the plain loops in cells.py; a test compares the two.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from gradlab.jacobians.backend import NumpyOps
from gradlab.jacobians.cells.activations import SIGMOID, TANH, Activation

_OPS = NumpyOps()


def _sigmoid(z: np.ndarray, out: np.ndarray) -> None:
    np.negative(z, out)
    np.exp(out, out)
    np.add(out, 1.0, out)
    np.reciprocal(out, out)


def _into(activation: Activation) -> Callable[[np.ndarray, np.ndarray], Any]:
    """The activation as (z, out), writing into out."""
    if activation is TANH:
        return np.tanh
    if activation is SIGMOID:
        return _sigmoid

    def general(z: np.ndarray, out: np.ndarray) -> None:
        out[...] = activation.value(_OPS, z)

    return general


def _by_time(x: np.ndarray) -> np.ndarray:
    """(B, T, n) to (T, B, n), contiguous, so that one step is one block of memory; and back, without a copy."""
    return np.ascontiguousarray(x.swapaxes(0, 1))


def _by_batch(*arrays: np.ndarray) -> tuple[np.ndarray, ...]:
    return tuple(x.swapaxes(0, 1) for x in arrays)


def simple(act: Activation, driven: np.ndarray, recurrent: np.ndarray, h: np.ndarray) -> tuple[np.ndarray, ...]:
    """SimpleRNN: (z, h), the states before and after the activation, each (B, T, H). driven (B, T, H) is the inputs'
    share of z.
    """
    pre, activate, through = _by_time(driven), _into(act), np.empty_like(h)
    post = np.empty_like(pre)
    for z, new in zip(pre, post, strict=True):
        np.dot(h, recurrent, through)
        np.add(z, through, z)
        activate(z, new)
        h = new
    return _by_batch(pre, post)


def lstm(
    act: Activation, gate: Activation, driven: np.ndarray, recurrent: np.ndarray, h: np.ndarray, c: np.ndarray
) -> tuple[np.ndarray, ...]:
    """LSTM: (z, gates, c, act(c), h). z and gates are (B, T, 4H), before and after the activations of i, f, g, o; the
    others (B, T, H). driven (B, T, 4H) is the inputs' share of z.
    """
    pre, activate, open_gate, n = _by_time(driven), _into(act), _into(gate), h.shape[1]
    gates = np.empty_like(pre)
    cells, squashed, post = np.empty((3, *pre.shape[:2], n))
    through, kept = np.empty(pre.shape[1:]), np.empty_like(h)
    for z, a, new_c, squash, new in zip(pre, gates, cells, squashed, post, strict=True):
        np.dot(h, recurrent, through)
        np.add(z, through, z)
        open_gate(z, a)  # over the candidate's quarter too, for one long pass is cheaper than two short ones
        candidate = a[:, 2 * n : 3 * n]
        activate(z[:, 2 * n : 3 * n], candidate)
        np.multiply(a[:, n : 2 * n], c, kept)
        np.multiply(a[:, :n], candidate, new_c)
        np.add(new_c, kept, new_c)
        activate(new_c, squash)
        np.multiply(a[:, 3 * n :], squash, new)
        h, c = new, new_c
    return _by_batch(pre, gates, cells, squashed, post)


def gru(
    act: Activation,
    gate: Activation,
    driven: np.ndarray,
    recurrent: np.ndarray,
    candidate_bias: np.ndarray,
    h: np.ndarray,
    reset_after: bool,
) -> tuple[np.ndarray, ...]:
    """GRU: (z, gates, inner, candidate, h). z (B, T, 3H) is before the activations; gates (B, T, 2H) are the update and
    the reset gate; inner (B, T, H) is what the reset gate multiplies; candidate (B, T, H) is after its activation.
    driven (B, T, 3H) is the inputs' share of z.
    """
    pre, activate, open_gate, n = _by_time(driven), _into(act), _into(gate), h.shape[1]
    gates = np.empty((*pre.shape[:2], 2 * n))
    inners, candidates, post = np.empty((3, *pre.shape[:2], n))
    first = recurrent if reset_after else np.ascontiguousarray(recurrent[:, : 2 * n])
    second = np.ascontiguousarray(recurrent[:, 2 * n :])
    through, (part, reset) = np.empty((len(h), first.shape[1])), np.empty((2, *h.shape))
    to_gates, to_candidate = through[:, : 2 * n], through[:, 2 * n :]
    for z, zr, inner, hh, new in zip(pre, gates, inners, candidates, post, strict=True):
        before, raw = z[:, : 2 * n], z[:, 2 * n :]
        np.dot(h, first, through)
        np.add(before, to_gates, before)
        open_gate(before, zr)
        if reset_after:
            np.add(to_candidate, candidate_bias, inner)
            np.multiply(zr[:, n:], inner, part)
        else:
            inner[...] = h
            np.multiply(zr[:, n:], h, reset)
            np.dot(reset, second, part)
        np.add(raw, part, raw)
        activate(raw, hh)
        np.subtract(h, hh, new)
        np.multiply(new, zr[:, :n], new)
        np.add(new, hh, new)
        h = new
    return _by_batch(pre, gates, inners, candidates, post)
