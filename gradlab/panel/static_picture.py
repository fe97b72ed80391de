"""The picture of a panel for places that run no widget: GitHub, PDF, untrusted notebooks. Code and margin left, heatmaps
right, a row for each position that may be shown.

The code is drawn by `gradlab.lines.picture`, the heatmaps by `gradlab.lab.heatmap`; this module only places them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gradlab.lab.heatmap import Picture, as_picture, colour_bar, describe, tile
from gradlab.lab.reading import Side
from gradlab.lab.scale import Scale
from gradlab.lines.picture import CELLS, CUT, SWITCH, Column, DrawnLine, place, short

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TILES = 3.3  # inches that the heatmaps of a position take
LONGEST = 92  # characters of code and tags: with the margin, what a page of a document has room for
TAGS = 44  # of them for tags
HEAD = 0.4  # inches of the title


def static_picture(
    page: Mapping[str, Any],
    positions: Sequence[str],
    sides: Sequence[Side],
    margins: Sequence[Mapping[str, Mapping[str, Any]]],
    scale: Scale,
) -> Picture:
    """Positions below each other, on one scale. The words are those of `gradlab.picture`, the same on every machine."""
    return as_picture(_draw(page, positions, sides, margins, scale), describe(positions, sides))


def _draw(page: Any, positions: Any, sides: Any, margins: Any, scale: Scale) -> Figure:
    """Placed by hand, in inches: matplotlib's layout engines take seconds for this many axes."""
    from matplotlib.figure import Figure

    code = [
        Column([_row(line, margin.get(str(line["number"]))) for line in page["code"]], f"The switch: {position}",
               scale.low, scale.high, key=False)
        for position, margin in zip(positions, margins, strict=True)
    ]  # fmt: skip
    tiles = max(1, max(len(side.readings) for side in sides))
    columns = 1 if tiles <= 3 else 2
    down = -(-tiles // columns)
    height = max(*(c.height + 0.1 for c in code), 1.9, 0.85 * down + 0.3)
    left = max(c.width for c in code)
    width, whole = left + TILES + 0.8, height * len(sides) + HEAD
    figure = Figure(figsize=(width, whole))
    figure.text(0.1 / width, 1 - 0.22 / whole, short(page["title"], 110), fontsize=10, fontweight="bold", va="center", parse_math=False)  # fmt: skip

    def box(x: float, top: float, wide: float, high: float) -> Any:
        return figure.add_axes((x / width, 1 - (top + high) / whole, wide / width, high / whole))

    for i, side in enumerate(sides):
        top = HEAD + i * height
        place(figure, code[i], 0.0, top)
        room = TILES / columns, (height - 0.1) / down
        for j, reading in enumerate(side.readings):
            x, y = left + (j % columns) * room[0], top + (j // columns) * room[1]
            ax = box(x, y + 0.36, room[0] - 0.15, room[1] - 0.45)
            tile(ax, reading, scale)
            ax.title.set_fontsize(7)
        colour_bar(figure, None, scale, cax=box(width - 0.75, top + 0.36, 0.12, height - 0.6))
    return figure


def _row(line: Mapping[str, Any], here: Mapping[str, Any] | None) -> DrawnLine:
    """A line of the panel's code with its margin. Where there are more visits than cells, every so many is drawn."""
    band = CUT if here and (here["raised"] or here["cut"]) else SWITCH if line["mark"] else ""
    if here is None:
        return DrawnLine(line["number"], short(line["text"], LONGEST), band=band)
    cells = [(c["kind"], c["norm"]) for c in here["cells"]]
    if len(cells) > CELLS:
        cells = [_loudest(cells[i * len(cells) // CELLS : (i + 1) * len(cells) // CELLS]) for i in range(CELLS)]
    said = short(_tags(here), TAGS)
    strong = bool(here["raised"] or here["missing"])
    text = short(line["text"], LONGEST - len(said))
    return DrawnLine(line["number"], text, here["bracket"], cells, said, strong, band)


def _loudest(cells: list[tuple[str, float | None]]) -> tuple[str, float | None]:
    """The cell that stands for several: what has no size before what has one, then the largest."""
    return next((c for c in cells if c[0] not in ("ok", "ran", "")), max(cells, key=lambda c: c[1] or 0.0))


def _tags(here: Mapping[str, Any]) -> str:
    tags = [f"{r['name']} {r['kind']}" for r in here["reads"] if r["kind"] not in ("ok", "ran")]
    if here["passed"]:
        tags.append(here["passed"].split(": ")[-1])  # where it was made
    if here["missing"]:
        tags.append(f"not in the list: {here['missing']}")
    if here["raised"]:
        tags.append("raises")
    return ", ".join(tags)
