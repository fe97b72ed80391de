"""What one gradient says: a `Reading` has a name, values and one of eight `Kind`s. NumPy only, no TensorFlow.

- `Kind`: ok, wrong, zero, not finite, none, missing, empty, raises; each with its own mark, word and hatch. The lab and
  the doctor speak of gradients with these, and `kinds_as_data` hands them to JavaScript.
- `classify`: array (or None) -> Kind, before anybody has asked whether the numbers are right.
- `Side`: everything measured at one position of a switch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

import numpy as np


class Kind(str, Enum):
    """The things that can be said of a gradient, from "fine" to "there was no gradient to look at".

    The first seven are said of one source. EMPTY is said of a list that names none, which only the doctor meets.

    >>> Kind("none").mark, Kind("none").word
    ('∅', 'None: no path to the loss')
    """

    OK = "ok"
    WRONG = "wrong"
    ZERO = "zero"
    NOT_FINITE = "not finite"
    NONE = "none"
    MISSING = "missing"
    RAISES = "raises"
    EMPTY = "empty"

    @property
    def mark(self) -> str:
        """One character that tells the kinds apart without colour."""
        return _LOOKS[self.value][0]

    @property
    def word(self) -> str:
        """The kind as a phrase for a reader."""
        return _LOOKS[self.value][1]

    @property
    def hatch(self) -> str:
        """The matplotlib hatch that is laid over a tile of this kind."""
        return _LOOKS[self.value][2]

    def __str__(self) -> str:
        return self.value


_LOOKS = {
    "ok": ("✓", "a gradient flows", ""),
    "wrong": ("≠", "a gradient, but the wrong one", "O"),  # rings: no lines, which would be read as the hatch of none
    "zero": ("0", "exactly zero", "."),
    "not finite": ("∞", "NaN or infinite", "xx"),
    "none": ("∅", "None: no path to the loss", "//"),
    "missing": ("?", "not in the list of variables", "--"),
    "raises": ("!", "an exception instead of a gradient", "++"),
    "empty": ("□", "the list of variables is empty", "o"),
}
# The kinds that a measurement of one source can have.
MEASURED = tuple(kind for kind in Kind if kind is not Kind.EMPTY)


def kinds_as_data() -> list[dict[str, str]]:
    """What a measured gradient can be, with mark, word and hatch (a matplotlib hatch string): a page's key, and the choices
    of a prediction.

    >>> kinds_as_data()[2]
    {'value': 'zero', 'mark': '0', 'word': 'exactly zero', 'hatch': '.'}
    """
    return [{"value": k.value, "mark": k.mark, "word": k.word, "hatch": k.hatch} for k in MEASURED]


@dataclass(frozen=True)
class Reading:
    """One gradient, read.

    `values` is the gradient as an array, or None where there is none to show (none, missing, raises). `shape` is the
    shape it has or should have had, so that an absent gradient can be drawn at its proper size. `note` is a sentence
    with the evidence, empty when there is nothing to add. `contradicted` says that another way to the derivative, a finite
    difference as a rule, gives another number: a zero without it is right.

    >>> Reading("w", Kind.OK, np.array([3.0, -4.0]), (2,)).words()
    'w 2: ✓ a gradient flows, largest 4.0e+00'
    """

    name: str
    kind: Kind
    values: np.ndarray | None
    shape: tuple[int, ...]
    note: str = ""
    contradicted: bool = False

    @property
    def largest(self) -> float | None:
        """The largest magnitude among the finite entries; None without values."""
        if self.values is None:
            return None
        finite = np.abs(self.values[np.isfinite(self.values)])
        return float(finite.max()) if finite.size else None

    def words(self) -> str:
        """The reading in one line, with at most two digits of any number, so that it is the same on every machine."""
        size = f"{self.kind.mark} {self.kind.word}"
        if self.kind in (Kind.OK, Kind.WRONG) and self.largest is not None:
            size += f", largest {self.largest:.1e}"
        return f"{self.name} {format_shape(self.shape)}: {size}" + (f" ({self.note})" if self.note else "")


@dataclass(frozen=True)
class Side:
    """One position of a switch: the loss, a reading for every source, and what the run had to say beside them.

    >>> side = Side((Reading("w", Kind.NONE, None, (2,)),), loss=1.5)
    >>> side["w"].words(), side.kinds == {"w": Kind.NONE}
    ('w 2: ∅ None: no path to the loss', True)
    """

    readings: tuple[Reading, ...]
    loss: float | None = None
    watched: tuple[str, ...] | None = None
    error: BaseException | None = None
    sources: Mapping[str, object] = field(default_factory=dict, repr=False)

    def __getitem__(self, name: str) -> Reading:
        for reading in self.readings:
            if reading.name == name:
                return reading
        raise KeyError(f"There is no reading `{name}`. There are: {', '.join(r.name for r in self.readings)}.")

    @property
    def kinds(self) -> dict[str, Kind]:
        """Name -> Kind, in the order of the sources."""
        return {r.name: r.kind for r in self.readings}


def classify(values: np.ndarray | None) -> Kind:
    """NONE, NOT_FINITE, ZERO or OK, from the array alone: one entry that is not finite is enough for NOT_FINITE."""
    if values is None:
        return Kind.NONE
    if not np.isfinite(values).all():
        return Kind.NOT_FINITE
    return Kind.OK if values.any() else Kind.ZERO


def as_rows(values: np.ndarray) -> np.ndarray:
    """Any array as rows x columns for a heatmap: the last axis stays, all others become rows.

    A leading axis of length 1 would otherwise make `imshow` take (1, T, 3) for a picture in colour.
    """
    array = np.asarray(values)
    if array.ndim == 0:
        return array.reshape(1, 1)
    return array.reshape(-1, array.shape[-1]) if array.size else np.zeros((1, 1))


def format_shape(shape: tuple[int, ...]) -> str:
    """(3, 4) -> "3×4"; a scalar has no axes, so it says so."""
    return "×".join(map(str, shape)) if shape else "scalar"
