"""Which positions of which panels a site holds, and where they are kept. Needs no TensorFlow itself.

- `Plan`: one panel whose positions are computed.
- `chunks`: what has to be computed for some panels; `plans`: their plans once that is done.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gradlab.site.chunks import Chunk, chunk_of, head, read
from gradlab.site.grid import MOST, count, whole
from gradlab.site.pack import Base, pack


@dataclass(frozen=True)
class Plan:
    """One panel of a site."""

    chunk: Chunk
    knobs: list[dict[str, Any]]
    grid: list[dict[str, Any]]

    @property
    def name(self) -> str:
        """Of the panel."""
        return self.chunk.name

    @property
    def count(self) -> int:
        """How many positions the site holds."""
        return count(self.grid)

    @property
    def whole(self) -> int:
        """How many positions the knobs have in a notebook."""
        return whole(self.grid)

    def packed(self, base: Base | None = None) -> tuple[str, dict[str, Any]]:
        """(the string that `pack` makes, {"png", "words"} of the static picture). LookupError if the file is gone."""
        made = read(self.chunk)
        if made is None:
            raise _gone(self.chunk)
        start = {knob["name"]: knob["start"] for knob in self.knobs}
        text = pack(self.name, made["page"], self.grid, made["positions"], made["trained"], start, base)
        return text, made["picture"]


def chunks(names: Sequence[str], cache: Path, most: int = MOST) -> list[Chunk]:
    """What has to be computed for these panels, in this order; `farm.compute` does."""
    return [chunk_of(name, most, cache / "positions") for name in names]


def plans(computed: Sequence[Chunk]) -> list[Plan]:
    """The plans of panels that are computed. LookupError if a file is gone."""
    found = []
    for chunk in computed:
        made = head(chunk)
        if made is None:
            raise _gone(chunk)
        found.append(Plan(chunk, made["page"]["knobs"], made["grid"]))
    return found


def _gone(chunk: Chunk) -> LookupError:
    return LookupError(f"{chunk.name}: the computed positions in {chunk.file} are gone; build the site again")
