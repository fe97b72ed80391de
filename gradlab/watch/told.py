"""What the hooks tell while a step is traced, and the row of numbers that is made of it.

Each class is one kind of `columns.Part`. `tensors` are those whose norms it needs: those of a whole step are taken together.
`row` makes its numbers from these.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import tensorflow as tf

from gradlab.watch import histograms, norms
from gradlab.watch.clipping import clipped, cut
from gradlab.watch.columns import Part


class Told(Protocol):
    """One place in the step."""

    def part(self) -> Part: ...

    def tensors(self) -> list[Any]: ...

    def row(self, sizes: Any) -> Any: ...


@dataclass
class Computed:
    """Gradients that reach an optimizer: [loss scale, norms, norms after clipping], 1 + 2 numbers a variable."""

    members: tuple[int, ...]
    gradients: list[Any]  # None among them
    optimizer: Any
    scale: Any = None  # what the gradients are multiplied by
    overflow: Any = None  # the loss scale, above 1, whose overflow is normal

    @property
    def live(self) -> list[Any]:
        return [g for g in self.gradients if g is not None]

    def part(self) -> Part:
        sparse = tuple(i for i, g in zip(self.members, self.gradients, strict=True) if isinstance(g, tf.IndexedSlices))
        return Part("computed", self.members, sparse, 1 + 2 * len(self.members))

    def tensors(self) -> list[Any]:
        return [*self.live, *cut(self.optimizer, self.live)]

    def row(self, sizes: Any) -> Any:
        count = len(self.live)
        before = sizes[:count] if self.scale is None else sizes[:count] / self.scale
        after = clipped(self.optimizer, before, sizes[count:])
        both = [norms.spread(part, self.gradients) for part in (before, after)]
        return tf.concat([[0.0 if self.overflow is None else self.overflow], *both], 0)

    def bad(self, row: Any) -> Any:
        """Whether a gradient is not finite. Above a loss scale of 1 the optimizer skips the step: that is normal."""
        found = tf.reduce_any(tf.logical_not(tf.math.is_finite(row[1 : 1 + len(self.members)])))
        return found if self.overflow is None else tf.logical_and(found, self.overflow <= 1.0)


@dataclass
class Applied:
    """Gradients after the sum over replicas: a norm for each variable."""

    members: tuple[int, ...]
    gradients: list[Any]

    def part(self) -> Part:
        return Part("applied", self.members, (), len(self.members))

    def tensors(self) -> list[Any]:
        return self.gradients

    def row(self, sizes: Any) -> Any:
        return sizes


@dataclass
class Updated:
    """Weights before and after the step: how far each moved, then how large it was."""

    members: tuple[int, ...]
    before: list[Any]
    held: list[Any]  # the variables, read where the norms are taken

    def part(self) -> Part:
        return Part("update", self.members, (), 2 * len(self.members))

    def tensors(self) -> list[Any]:
        return [*(v.read_value() - old for old, v in zip(self.before, self.held, strict=True)), *self.before]

    def row(self, sizes: Any) -> Any:
        return sizes


@dataclass
class Histograms:
    """A histogram of each gradient: see `histograms`."""

    members: tuple[int, ...]
    gradients: list[Any]
    scale: Any

    def part(self) -> Part:
        return Part("histogram", self.members, (), histograms.WIDTH * len(self.members))

    def tensors(self) -> list[Any]:
        return []

    def row(self, sizes: Any) -> Any:
        return tf.concat([histograms.histogram(g, self.scale) for g in self.gradients], 0)


@dataclass
class Loss:
    """The loss: one number."""

    value: Any

    def part(self) -> Part:
        return Part("loss", ())

    def tensors(self) -> list[Any]:
        return []

    def row(self, sizes: Any) -> Any:
        return tf.reshape(self.value, [1])


def rows(told: Sequence[Told], size: Callable[[list[Any]], Any]) -> list[Any]:
    """The numbers of each, as vectors. `size`: takes the norms of all tensors together, as one vector."""
    needed = [one.tensors() for one in told]
    sizes = size([t for some in needed for t in some])
    out: list[Any] = []
    start = 0
    for one, some in zip(told, needed, strict=True):
        out.append(one.row(sizes[start : start + len(some)]))
        start += len(some)
    return out


def bad(told: Sequence[Told], found: Sequence[Any]) -> Any:
    """Whether one of these rows of `rows` says that a gradient is not finite: a scalar bool."""
    said = [one.bad(numbers) for one, numbers in zip(told, found, strict=True) if isinstance(one, Computed)]
    return tf.reduce_any(tf.stack(said)) if said else tf.constant(False)
