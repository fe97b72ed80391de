"""The picture of a panel for places that run no widget: GitHub, PDF, untrusted notebooks. Code and margin left, heatmaps
right, a row for each position that may be shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gradlab.lab.heatmap import Picture, as_picture, colour_bar, describe, tile
from gradlab.lab.reading import Side
from gradlab.lab.scale import Scale

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, CODE = 11.5, 7.2  # inches, and how many of them are the code's
LINE = 0.155  # inches a line of code: 7.5 points and a little air
LONGEST = 92  # characters of a line that fit; a longer one ends in an ellipsis
STRIP = 0.17  # share of the code's width that the strips take


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

    lines = page["code"]
    tiles = max(1, max(len(side.readings) for side in sides))
    columns = 1 if tiles <= 3 else 2
    down = -(-tiles // columns)
    height = max(len(lines) * LINE + 0.5, 1.9, 0.85 * down + 0.3)
    whole = height * len(sides) + 0.45
    figure = Figure(figsize=(WIDTH, whole))
    figure.text(
        0.1 / WIDTH,
        1 - 0.24 / whole,
        page["title"][:120],
        fontsize=10,
        fontweight="bold",
        va="center",
        parse_math=False,
    )

    def place(left: float, top: float, wide: float, high: float) -> Any:
        return figure.add_axes((left / WIDTH, 1 - (top + high) / whole, wide / WIDTH, high / whole))

    for i, (position, side, margin) in enumerate(zip(positions, sides, margins, strict=True)):
        top = 0.45 + i * height
        _code(
            place(0.1, top + 0.25, CODE - 0.2, height - 0.4),
            lines,
            margin,
            scale,
            f"The switch: {position[:90]}",
            height,
        )
        room = (WIDTH - CODE - 0.8) / columns, (height - 0.1) / down
        for j, reading in enumerate(side.readings):
            x, y = CODE + (j % columns) * room[0], top + (j // columns) * room[1]
            ax = place(x, y + 0.36, room[0] - 0.15, room[1] - 0.45)
            tile(ax, reading, scale)
            ax.title.set_fontsize(7)
        colour_bar(figure, None, scale, cax=place(WIDTH - 0.75, top + 0.36, 0.12, height - 0.6))
    return figure


def _code(ax: Axes, lines: Any, margin: Any, scale: Scale, heading: str, height: float) -> None:
    """Line numbers, strips and text, line by line from the top; nothing is cut by the edge of the picture."""
    from matplotlib.patches import Rectangle

    ax.set(xlim=(0, 1), ylim=(max(len(lines), (height - 0.4) / LINE), -0.3))
    ax.set_axis_off()
    ax.set_title(heading, fontsize=8, loc="left", fontweight="bold", parse_math=False)
    for i, line in enumerate(lines):
        here = margin.get(str(line["number"]))
        if line["mark"]:
            ax.add_patch(Rectangle((0.0, i), 1, 1, facecolor="#fff3b8", edgecolor="none"))
        if here and (here["raised"] or here["cut"]):
            ax.add_patch(Rectangle((0.0, i), 1, 1, facecolor="#ffdedb", edgecolor="none"))
        if here and here["bracket"] in ("in", "part"):
            ax.plot(
                [0.052] * 2, [i, i + 1], color="#0969da", linewidth=2, linestyle="-" if here["bracket"] == "in" else ":"
            )
        ax.text(
            0.04, i + 0.5, str(line["number"]), fontsize=6, color="#57606a", ha="right", va="center", family="monospace"
        )
        if here:
            _strip(ax, here["cells"], i, scale)
        tags = _tags(here) if here else ""
        text = (
            line["text"] if len(line["text"]) + len(tags) <= LONGEST else line["text"][: LONGEST - len(tags) - 1] + "…"
        )
        ax.text(
            0.065 + STRIP, i + 0.5, f"{text}{tags}", fontsize=6.2, va="center", family="monospace", parse_math=False
        )


def _tags(here: Any) -> str:
    tags = [f"{r['name']} {r['kind']}" for r in here["reads"] if r["kind"] != "ok"]
    if here["passed"]:
        tags.append("passed on")
    if here["missing"]:
        tags.append(f"not in the list: {here['missing']}")
    if here["raised"]:
        tags.append("raises")
    return f"  ◂ {', '.join(tags)[:50]}" if tags else ""


def _strip(ax: Axes, cells: Any, i: int, scale: Scale) -> None:
    """One cell a visit, right-aligned. Hatched: None. Black: zero. Crossed: not finite."""
    import matplotlib
    from matplotlib.patches import Rectangle

    if not cells:
        return
    width = min(0.026, STRIP / len(cells))
    colours = matplotlib.colormaps["viridis"]
    looks = {"zero": ("black", "white", ".."), "none": ("white", "#444444", "/////"), "not finite": ("white", "#b00020", "xxxx"),
             "outside": ("white", "#767676", "..."), "unused": ("white", "#bbbbbb", "/////"), "ran": ("#c8c8c8", "none", None)}  # fmt: skip
    for j, cell in enumerate(cells):
        x = 0.06 + STRIP - (len(cells) - j) * width
        if cell["kind"] == "ok":
            at = (np.log10(cell["norm"]) - scale.low) / (scale.high - scale.low)
            ax.add_patch(
                Rectangle(
                    (x, i + 0.12), 0.9 * width, 0.76, facecolor=colours(float(np.clip(at, 0, 1))), edgecolor="none"
                )
            )
        elif cell["kind"] in looks:
            face, edge, hatch = looks[cell["kind"]]
            ax.add_patch(
                Rectangle((x, i + 0.12), 0.9 * width, 0.76, facecolor=face, edgecolor=edge, hatch=hatch, linewidth=0.5)
            )
