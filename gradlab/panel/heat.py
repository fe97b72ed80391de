"""The heatmap widget: one ES module, no build step; it holds every position of the switch and flips in the browser."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import anywidget
import numpy as np
import traitlets

from gradlab.lab.heat_data import pack
from gradlab.lab.reading import Side


class Heat(anywidget.AnyWidget):
    """Heatmaps of all sources at all positions. `position` picks what is shown; nothing else is needed to flip it."""

    _esm = Path(__file__).with_name("heat.js")
    scene = traitlets.Dict().tag(sync=True)
    data = traitlets.Bytes(b"").tag(sync=True)
    colours = traitlets.Bytes(b"").tag(sync=True)
    position = traitlets.Int(0).tag(sync=True)

    def show(self, positions: Sequence[str], sides: Sequence[Side]) -> None:
        """Replace what is drawn, description and numbers in one message."""
        scene, data = pack(positions, sides)
        with self.hold_sync():
            self.colours = colour_bytes()
            self.data = data
            self.scene = scene

    def __repr__(self) -> str:
        return f"Heat({[t['name'] for t in self.scene.get('tiles', [])]}, position={self.position})"


@lru_cache(maxsize=1)
def colour_bytes() -> bytes:
    """The 256 colours of matplotlib's viridis as RGB bytes, so that the live and the printed picture agree."""
    import matplotlib

    rgba = matplotlib.colormaps["viridis"](np.linspace(0, 1, 256))
    return (rgba[:, :3] * 255).round().astype(np.uint8).tobytes()
