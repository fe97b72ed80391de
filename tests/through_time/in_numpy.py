"""The recurrent layers of these tests in NumPy alone, float64: forward only, and one state or input can be moved.

A finite difference of this is a derivative that no TensorFlow and no tape had a hand in.
"""

import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lstm(x, states, kernel, recurrent, bias):
    h, c = states
    i, f, g, o = np.split(x @ kernel + h @ recurrent + bias, 4, -1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    h = sigmoid(o) * np.tanh(c)
    return h, (h, c)


def gru(x, states, kernel, recurrent, bias):
    (h,) = states
    xz, xr, xh = np.split(x @ kernel + bias[0], 3, -1)
    hz, hr, hh = np.split(h @ recurrent + bias[1], 3, -1)
    z, r = sigmoid(xz + hz), sigmoid(xr + hr)
    h = z * h + (1 - z) * np.tanh(xh + r * hh)
    return h, (h,)


def simple(x, states, kernel, recurrent, bias):
    h = np.tanh(x @ kernel + states[0] @ recurrent + bias)
    return h, (h,)


STATES = {lstm: 2, gru: 1, simple: 1}


def run(cell, x, weights, mask=None, backwards=False, poke=None):
    """(outputs at each position, last output). poke: (position, state, sample, unit, by) moves one state after its step."""
    batch, steps = x.shape[:2]
    units = weights[1].shape[0]
    states = tuple(np.zeros((batch, units)) for _ in range(STATES[cell]))
    outputs, out = np.zeros((batch, steps, units)), np.zeros((batch, units))
    for t in reversed(range(steps)) if backwards else range(steps):
        made, after = cell(x[:, t], states, *weights)
        after = [a.copy() for a in after]
        if poke is not None and poke[0] == t:
            _, k, b, u, by = poke
            after[k][b, u] += by
        made = after[0]  # the output of these cells is their first state
        keep = np.ones((batch, 1), bool) if mask is None else mask[:, t, None]
        states = tuple(np.where(keep, a, s) for a, s in zip(after, states, strict=True))
        out = np.where(keep, made, out)
        outputs[:, t] = out
    return outputs, out


def slope(f, step=1e-5):
    """The derivative of f(by) at 0, by a central difference of the fourth order."""
    return (8 * (f(step) - f(-step)) - (f(2 * step) - f(-2 * step))) / (12 * step)
