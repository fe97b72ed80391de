"""Which positions of which panels a site holds, and the chunks that they are computed in. Needs no TensorFlow itself.

- `Plan`: one panel: its grid and its chunks.
- `plans`: those of several panels; what their knobs are is remembered beside the chunks.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gradlab.authoring.notebooks import write_whole
from gradlab.site import farm
from gradlab.site.chunks import Chunk, chunks_of, fingerprint, read
from gradlab.site.compute import all_names
from gradlab.site.grid import MOST, axes, positions, whole
from gradlab.site.pack import pack


@dataclass(frozen=True)
class Plan:
    """One panel of a site."""

    name: str
    knobs: list[dict[str, Any]]
    grid: list[dict[str, Any]]
    chunks: list[Chunk]

    @property
    def count(self) -> int:
        """How many positions the site holds."""
        return sum(len(chunk.positions) for chunk in self.chunks)

    @property
    def whole(self) -> int:
        """How many positions the knobs have in a notebook."""
        return whole(self.grid)

    def packed(self) -> tuple[str, dict[str, Any]]:
        """(the string that `pack` makes, {"png", "words"} of the static picture). LookupError if a chunk is not there."""
        parts = []
        for chunk in self.chunks:
            part = read(chunk)
            if part is None:
                raise LookupError(f"{self.name}: the computed positions in {chunk.file} are gone; build the site again")
            parts.append(part)
        start = {knob["name"]: knob["start"] for knob in self.knobs}
        found = [position for part in parts for position in part["positions"]]
        text = pack(self.name, parts[0]["page"], self.grid, found, parts[0]["trained"], start)
        return text, parts[0]["picture"]


def plans(names: Sequence[str], cache: Path, most: int = MOST) -> list[Plan]:
    """The plans of these panels, in this order. Loads TensorFlow in a process of its own where the knobs are not known."""
    knobs = _knobs(names, cache)
    found = []
    for name in names:
        grid = axes(knobs[name], most)
        found.append(Plan(name, knobs[name], grid, chunks_of(name, positions(grid), cache / "positions")))
    return found


def _knobs(names: Sequence[str], cache: Path) -> Mapping[str, list[dict[str, Any]]]:
    file = cache / "knobs.json"
    try:
        known = dict(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError):  # not there, or cut short: it is found again
        known = {}
    wanted = [name for name in names if fingerprint(name) not in known]
    if wanted:
        found = farm.knobs(wanted)
        now = {fingerprint(name) for name in all_names()}  # what belongs to an older state is left out
        known = {key: knobs for key, knobs in known.items() if key in now}
        known |= {fingerprint(name): found[name] for name in wanted}
        cache.mkdir(parents=True, exist_ok=True)
        write_whole(file, json.dumps(known))
    return {name: known[fingerprint(name)] for name in names}
