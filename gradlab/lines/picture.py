"""Code with its margin as a static picture, by matplotlib's object API: the only module that draws it there.

- `picture`: one or several `LineGradients` side by side. `describe`: the same in words.
- `DrawnLine`, `Column`: a line and a block of lines as they are drawn, whoever made them; a panel's static picture uses these.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gradlab.lab.heatmap import Picture, as_picture
from gradlab.lab.scenario import MARK
from gradlab.lines.looks import Fold, clean, headline, shown, tags
from gradlab.lines.model import Line, LineGradients
from gradlab.lines.parts import WORDS
from gradlab.lines.strip import spans
from gradlab.runtime.arguments import no_string

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CELLS = 20  # cells of a strip
FONT = 8.0  # points; a character of the monospace font is 0.602 of that wide
WIDTH = 0.602 * FONT / 72  # inches of a character
ROW = 0.165  # inches of a line
CELL = 0.085  # inches of a cell
LONG = 96  # characters of a line that are drawn: what a page of a document can hold beside the margin
SWITCH, CUT = "#fff8c5", "#ffebe9"  # behind a line: the switch; a line that cuts or raises
GREY, RED, BROWN, TAPE = "#57606a", "#a40e26", "#7d4e00", "#0969da"

Cell = tuple[str, float | None]  # the kind of a visit and its norm
# How a kind without a size is drawn: face, edge, hatch. Never told by colour alone.
_LOOKS: dict[str, tuple[str, str, str]] = {
    "zero": ("black", "black", ""),  # and a white dot
    "none": ("#f6f8fa", "#555555", "//////"),
    "nan": ("#cf222e", "white", "xxxx"),
    "inf": ("#cf222e", "white", "++++"),
    "not finite": ("#cf222e", "white", "xxxx"),
    "outside": ("none", "#555555", ""),  # dotted
    "unused": ("none", "#999999", ".."),
    "ran": ("#999999", "#999999", ""),
}


@dataclass(frozen=True)
class DrawnLine:
    """One line as it is drawn: `band` is a colour behind it or "", `said` the words at its right, `strong` in red."""

    number: int
    text: str
    bracket: str = ""
    cells: Sequence[Cell] = ()
    said: str = ""
    strong: bool = False
    band: str = ""


class Column:
    """Lines below each other, with a heading, a row under it (`key`) and notes. Sizes in inches, so that nothing is
    clipped whatever the lines hold. `low` and `high` are the ends of the scale, powers of ten; a str among the rows is a fold."""

    def __init__(
        self,
        rows: Sequence[DrawnLine | str],
        title: str,
        low: float,
        high: float,
        key: bool = True,
        notes: Sequence[str] = (),
    ) -> None:
        self.rows, self.low, self.high, self.title = rows, low, high, short(clean(title))
        self.notes = [short(clean(n)) for n in notes]
        lines = [r for r in rows if isinstance(r, DrawnLine)]
        self.digits = max((len(str(r.number)) for r in lines), default=1)
        self.cells = max((min(len(r.cells), CELLS) for r in lines), default=0)
        self.margin = 0.18 + max(self.cells, 6) * CELL
        kinds = {kind for r in lines for kind, _ in r.cells}
        self.kinds = [k for k in WORDS if k in kinds and k not in ("ok", "")] if key else []
        self.sizes = f"norm 1e{low:g} to 1e{high:g}" if key and "ok" in kinds else ""
        longest = [len(self.title) * 1.05, 30.0, *(len(n) for n in self.notes)]
        longest += [len(short(clean(r.text))) + len(_said(r)) + self.digits + 6 for r in lines]
        words = len(self.sizes) + 7 + sum(len(WORDS[k].partition(":")[0]) + 5 for k in self.kinds)
        self.width = self.margin + max(*longest, words if key else 0) * WIDTH + 0.15
        self.height = (len(rows) + len(self.notes) + 1 + 2 * key) * ROW + 0.1

    def draw(self, axes: Any) -> None:
        """Onto axes whose box is at least as wide and as high, in inches."""
        axes.set_axis_off()
        y = 0.05 + ROW / 2
        _write(axes, 0.1, y, self.title, weight="bold")
        if self.sizes or self.kinds:
            y += ROW
            self._key(axes, y)
        for row in self.rows:
            y += ROW
            if isinstance(row, str):
                _write(axes, self.margin, y, row, color=GREY, style="italic")
            else:
                self._row(axes, y, row)
        for note in self.notes:
            y += ROW
            _write(axes, 0.1, y, note, style="italic", color=GREY)

    def colour(self, norm: float | None) -> Any:
        """The colour of a norm on the scale, as heatmaps have it."""
        import matplotlib

        at = (math.log10(norm) - self.low) / (self.high - self.low) if norm else 0.0
        return matplotlib.colormaps["viridis"](min(1.0, max(0.0, at)))

    def _key(self, axes: Any, y: float) -> None:
        x = 0.1
        if self.sizes:
            for i in range(10):
                _box(
                    axes,
                    x + i * 0.03,
                    y,
                    0.03,
                    facecolor=self.colour(10 ** (self.low + (self.high - self.low) * i / 9)),
                )
            x += 0.33
            _write(axes, x, y, self.sizes, color=GREY)
            x += (len(self.sizes) + 2) * WIDTH
        for kind in self.kinds:
            _cell(axes, x, y, (kind, None), self.colour)
            words = WORDS[kind].partition(":")[0]
            _write(axes, x + CELL + 0.04, y, words, color=GREY)
            x += CELL + 0.04 + (len(words) + 2) * WIDTH

    def _row(self, axes: Any, y: float, row: DrawnLine) -> None:
        if row.band:
            _box(axes, 0, y, self.width, high=ROW, facecolor=row.band, zorder=0)
        if row.bracket in ("in", "part"):
            style = "-" if row.bracket == "in" else ":"
            axes.plot([0.06, 0.06], [y - ROW / 2, y + ROW / 2], color=TAPE, lw=2.5, ls=style)
        x = self.margin - 0.06 - len(row.cells) * CELL
        for i, cell in enumerate(row.cells):
            _cell(axes, x + i * CELL, y, cell, self.colour)
        code = f"{row.number:>{self.digits}}  {short(clean(row.text))}"
        _write(axes, self.margin, y, code)
        _write(axes, self.margin + (len(code) + 2) * WIDTH, y, _said(row), color=RED if row.strong else BROWN)


def picture(results: Sequence[LineGradients], titles: Sequence[str] = ()) -> Picture:
    """One or several results (both positions of a switch) side by side, on one scale, as a PNG with its words.

    TypeError where `titles` is a string and no list of names."""
    no_string(titles, "titles")
    return as_picture(draw(results, titles), describe(results, titles))


def describe(results: Sequence[LineGradients], titles: Sequence[str] = ()) -> str:
    """The picture in words, one line for each line of code that has something in its margin."""
    found = []
    for i, result in enumerate(results):
        found.append(clean(titles[i] if i < len(titles) else result.title or headline(result)) + ":")
        found += [f"  {clean(line.words())}" for line in result.lines if line.tells]
        found += [f"  note: {clean(n)}" for n in result.notes]
    return "\n".join(found)


def draw(results: Sequence[LineGradients], titles: Sequence[str] = ()) -> Figure:
    """The figure behind `picture`. ValueError without a result."""
    from matplotlib.figure import Figure

    if not results:
        raise ValueError("no line gradients to draw: pass at least one")
    low, high = min(r.scale[0] for r in results), max(r.scale[1] for r in results)
    columns = [
        Column(_rows(r), (titles[i] if i < len(titles) else r.title) or headline(r), low, high, notes=r.notes)
        for i, r in enumerate(results)
    ]
    width, height = sum(c.width for c in columns), max(c.height for c in columns)
    figure = Figure(figsize=(width, height))
    at = 0.0
    for column in columns:
        place(figure, column, at, 0.0)
        at += column.width
    return figure


def place(figure: Figure, column: Column, left: float, top: float) -> None:
    """Draw a column with its upper left corner there, in inches."""
    wide, high = figure.get_size_inches()
    box = (left / wide, 1 - (top + column.height) / high, column.width / wide, column.height / high)
    axes = figure.add_axes(box, xlim=(0, column.width), ylim=(column.height, 0))
    column.draw(axes)


def short(text: str, most: int = LONG) -> str:
    """The text, its end an ellipsis where it is longer than `most` characters."""
    return text if len(text) <= most else text[: most - 1] + "…"


def _rows(result: LineGradients) -> list[DrawnLine | str]:
    return [f"⋮ {x.count} lines" if isinstance(x, Fold) else _from(result, x) for x in shown(result.lines)]


def _from(result: LineGradients, line: Line) -> DrawnLine:
    found = spans(line.visits, CELLS) if line.visits else []
    band = CUT if line.cut or line.raised else SWITCH if MARK in line.text else ""
    strong = bool(line.cut or line.raised or line.missing)
    cells = [(s.kind, s.high) for s in found]
    return DrawnLine(line.number, line.text, line.bracket, cells, "; ".join(tags(result, line)), strong, band)


def _said(row: DrawnLine) -> str:
    return short(clean(row.said))


def _write(axes: Any, x: float, y: float, text: str, **style: Any) -> None:
    # parse_math off: a `$` in a name or a line of code is a dollar sign.
    axes.text(x, y, text, family="DejaVu Sans Mono", fontsize=FONT, va="center_baseline", parse_math=False, **{"color": "#1f2328", **style})  # fmt: skip


def _box(axes: Any, x: float, y: float, wide: float, high: float = ROW * 0.8, **style: Any) -> None:
    from matplotlib.patches import Rectangle

    axes.add_patch(Rectangle((x, y - high / 2), wide, high, **{"linewidth": 0, **style}))


def _cell(axes: Any, x: float, y: float, cell: Cell, colour: Callable[[float | None], Any]) -> None:
    kind, norm = cell
    wide = CELL * 0.88
    if kind == "ok":
        _box(axes, x, y, wide, facecolor=colour(norm))
    elif kind in _LOOKS:
        face, edge, hatch = _LOOKS[kind]
        style = ":" if kind == "outside" else "-"
        _box(axes, x, y, wide, facecolor=face, edgecolor=edge, hatch=hatch or None, linewidth=0.6, linestyle=style)
        if kind == "zero":
            axes.plot([x + wide / 2], [y], "o", color="white", ms=1.8)
