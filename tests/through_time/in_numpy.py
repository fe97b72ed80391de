"""The recurrent layers of these tests in NumPy alone, float64: forward only, and one state or input can be moved.

A finite difference of this is a derivative that no TensorFlow and no tape had a hand in.
"""

import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lstm(x, states, kernel, recurrent, bias, move=lambda k, state: state):
    """`move` changes a new state where it is made: c before h is computed from it, as a tape's derivative has it."""
    h, c = states
    i, f, g, o = np.split(x @ kernel + h @ recurrent + bias, 4, -1)
    c = move(1, sigmoid(f) * c + sigmoid(i) * np.tanh(g))
    h = move(0, sigmoid(o) * np.tanh(c))
    return h, (h, c)


def gru(x, states, kernel, recurrent, bias, move=lambda k, state: state):
    (h,) = states
    xz, xr, xh = np.split(x @ kernel + bias[0], 3, -1)
    hz, hr, hh = np.split(h @ recurrent + bias[1], 3, -1)
    z, r = sigmoid(xz + hz), sigmoid(xr + hr)
    h = move(0, z * h + (1 - z) * np.tanh(xh + r * hh))
    return h, (h,)


STATES = {lstm: 2, gru: 1}


def run(cell, x, weights, mask=None, backwards=False, poke=None):
    """(outputs at each position, last output). poke: (position, state, sample, unit, by) moves one state after its step."""
    batch, steps = x.shape[:2]
    units = weights[1].shape[0]
    states = tuple(np.zeros((batch, units)) for _ in range(STATES[cell]))
    outputs, out = np.zeros((batch, steps, units)), np.zeros((batch, units))
    for t in reversed(range(steps)) if backwards else range(steps):
        made, after = cell(x[:, t], states, *weights, move=lambda k, state, t=t: moved(state, poke, t, k))
        keep = np.ones((batch, 1), bool) if mask is None else mask[:, t, None]
        states = tuple(np.where(keep, a, s) for a, s in zip(after, states, strict=True))
        out = np.where(keep, made, out)
        outputs[:, t] = out
    return outputs, out


def moved(state, poke, t, k):
    """The state, one entry of it moved where `poke` says so."""
    if poke is None or poke[:2] != (t, k):
        return state
    state = state.copy()
    state[poke[2], poke[3]] += poke[4]
    return state


def slope(f, step=1e-5):
    """The derivative of f(by) at 0, by a central difference of the fourth order."""
    return (8 * (f(step) - f(-step)) - (f(2 * step) - f(-2 * step))) / (12 * step)
