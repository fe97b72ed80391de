"""Gradients against central finite differences in float64.

- `Run`: a scenario at one position of its switch, in float64, with the weights of the float32 run.
- `Run.slope`: d loss along a direction in one source, by two further runs.
- `Run.along`: what a gradient or Jacobian says about that slope.
- `contradictions`: everything in which readings and finite differences contradict each other; empty is good.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from gradlab.lab.measure import compare, to_array
from gradlab.lab.reading import Kind

from .double import doubled, same_weights
from .special import SPECIAL, SURROGATES

STEP = 1e-5
EXACT = 1e-6  # float64 gradient against float64 difference, relative
SINGLE = 1e-3  # float32 gradient against float64 difference, relative
DIRECTIONS = 1  # random: an error that is orthogonal to it has probability zero, and a run is what costs time


def called(scenario, positions):
    """What `setup` makes, after a call at each position that raises nothing: some weights are made at the first call."""
    things = scenario.setup()
    for bug in positions:
        scenario.run(bug, **things)
    return things


class Run:
    """The float64 twin of `compare(scenario)`'s run. Use it inside `doubled(scenario)`."""

    def __init__(self, scenario, bug, single, positions):
        self.scenario, self.bug, self._slopes = scenario, bug, {}
        self.things = same_weights(single, called(scenario, positions))
        self.loss, self.sources, gradients = scenario.run(bug, **self.things)[:3]
        self.gradients = {name: to_array(g) for name, g in gradients.items()}
        again = np.asarray(scenario.run(bug, **self.things)[0])
        if not np.array_equal(np.asarray(self.loss), again, equal_nan=True):
            raise AssertionError(f"`{scenario.name}` gives another loss when it runs again: {self.loss} and {again}.")

    def slope(self, name, direction):
        """d loss / d source along `direction`, of the loss's shape (the special cases have targets of their own)."""
        key = name, direction.tobytes()
        if key not in self._slopes:
            source = self.sources[name]
            value = np.asarray(source, "float64")
            step = STEP * (1 + np.abs(value).max())
            high, low = (self._loss_at(name, source, value + sign * step * direction) for sign in (1, -1))
            self._slopes[key] = (high - low) / (2 * step)
        return self._slopes[key]

    def _loss_at(self, name, source, value):
        special = SPECIAL.get((self.scenario.name, name))
        if special:
            return np.asarray(special(self.things, self.sources, tf.constant(value)), "float64")
        if hasattr(source, "assign"):
            before = np.asarray(source).copy()
            source.assign(value)
            try:
                return np.asarray(self.scenario.run(self.bug, **self.things)[0], "float64")
            finally:
                source.assign(before)
        swapped, count = _swap(self.things, source, tf.constant(value))
        if not count:
            raise LookupError(
                f"`{name}` of `{self.scenario.name}` is neither a variable nor one of the things that `run` gets, so it "
                "can't be moved. Say in tests/oracle/special.py what its gradient is a gradient of."
            )
        return np.asarray(self.scenario.run(self.bug, **swapped)[0], "float64")

    def along(self, name, gradient, direction):
        """The slope that a gradient or a Jacobian predicts, of the loss's shape, or one number for a gradient."""
        loss, source = np.shape(self.loss), np.shape(np.asarray(self.sources[name]))
        if (self.scenario.name, name) in SPECIAL or gradient.shape == source:
            return float((gradient * direction).sum())  # the gradient of a vector is that of its sum
        if gradient.shape == loss + source:
            return np.tensordot(gradient, direction, len(source))
        if gradient.shape == loss + source[1:] and loss[:1] == source[:1]:  # a Jacobian for every sequence in the batch
            return np.einsum("bui,bi->bu", *_flat(gradient, direction, 2, 1)).reshape(loss)
        if gradient.shape == loss + source[2:] and loss[:2] == source[:2]:  # and for every time step
            return np.einsum("btui,bti->btu", *_flat(gradient, direction, 3, 2)).reshape(loss)
        raise TypeError(f"`{name}`: a gradient of shape {gradient.shape} of a loss {loss} with respect to {source}.")

    def gap(self, name, gradient, direction):
        """|predicted slope - finite difference|, relative to the larger of both and of the gradient."""
        predicted, found = self.along(name, gradient, direction), self._difference(name, gradient.shape, direction)
        size = max(float(np.linalg.norm(gradient)), float(np.abs(found).max(initial=0.0)), 1e-6)
        return float(np.abs(predicted - found).max()) / size

    def _difference(self, name, shape, direction):
        loss, source = np.shape(self.loss), np.shape(np.asarray(self.sources[name]))
        if shape == source:
            return self.slope(name, direction).sum()
        if shape == loss + source[2:] and loss[:2] == source[:2]:
            return np.stack([self.slope(name, direction * _only(t, source))[:, t] for t in range(loss[1])], 1)
        return self.slope(name, direction)


def complaints(scenario, bug, sides):
    """What is not so at one position: its readings (float32) and the run's own float64 gradients, against float64 differences.

    With the switch off every gradient must agree. With it on, "ok" must agree, "wrong" must not (or have another shape
    than with the switch off), "zero" must be zero, and the kinds without values must have none.
    """
    side, right = sides[bug], sides[0]
    if side.error is not None:
        return [] if bug else [f"switch off raised {side.error!r}"]
    found, checked = [], 0
    random = np.random.default_rng(0)
    positions = [position for position in (False, True) if sides[position].error is None]
    single = called(scenario, positions)
    with doubled(scenario):
        run = Run(scenario, bug, single, positions)
        for reading in side.readings:
            name = reading.name
            if reading.values is None:
                if reading.kind not in (Kind.NONE, Kind.MISSING):
                    found.append(f"{name} has no values but reads {reading.kind}")
                if reading.kind is Kind.NONE and run.gradients.get(name) is not None:
                    found.append(f"{name} reads none in float32 only")
                continue
            if reading.kind is Kind.NOT_FINITE:
                if np.isfinite(reading.values).all():
                    found.append(f"{name} reads not finite, but is")
                continue
            if (reading.kind is Kind.ZERO) != (not reading.values.any()):
                found.append(f"{name} reads {reading.kind}, largest entry {np.abs(reading.values).max()}")
            shape = np.shape(np.asarray(run.sources[name]))
            directions = [d / np.linalg.norm(d) for d in random.standard_normal((DIRECTIONS, *shape))]
            gap = max(run.gap(name, reading.values.astype("float64"), d) for d in directions)
            checked += 1
            if not bug:
                exact = max(run.gap(name, run.gradients[name], d) for d in directions)
                if exact > EXACT:
                    found.append(f"{name}: the float64 gradient is off by {exact:.1e} of its size")
                if gap > SINGLE:
                    found.append(f"{name}: the float32 gradient is off by {gap:.1e} of its size")
            elif reading.kind is Kind.OK and scenario.name in SURROGATES:
                if gap <= SINGLE:
                    found.append(f"{name} is called a surrogate, but finite differences agree with it")
            elif reading.kind is Kind.OK and gap > SINGLE:
                found.append(f"{name} reads ok, but a finite difference contradicts it by {gap:.1e} of its size")
            elif reading.kind is Kind.WRONG and gap <= SINGLE and reading.values.shape == right[name].shape:
                found.append(f"{name} reads wrong, but finite differences agree with it")
    if not bug and not checked:
        found.append("no gradient was checked")
    return found


def contradictions(scenario, sides=None) -> list[str]:
    """`complaints` at both positions of the switch (measured, or given), with the position's own words before each."""
    sides = sides or compare(scenario)
    return [f"{scenario.switch[bug]!r}: {line}" for bug in (False, True) for line in complaints(scenario, bug, sides)]


def _swap(thing, old, new):
    """The same structure with one tensor in another's place, and how many times it stood there."""
    if thing is old:
        return new, 1
    if isinstance(thing, dict):
        pairs = {key: _swap(value, old, new) for key, value in thing.items()}
        return {key: value for key, (value, _) in pairs.items()}, sum(n for _, n in pairs.values())
    if isinstance(thing, list | tuple):
        parts = [_swap(value, old, new) for value in thing]
        return type(thing)(value for value, _ in parts), sum(n for _, n in parts)
    return thing, 0


def _flat(gradient, direction, kept, shared):
    return (
        gradient.reshape(*gradient.shape[: kept - 1], -1, int(np.prod(direction.shape[shared:])))
        if gradient.ndim != kept + 1
        else gradient,
        direction.reshape(*direction.shape[:shared], -1),
    )


def _only(t, shape):
    mask = np.zeros(shape)
    mask[:, t] = 1
    return mask
