"""Line gradients as a static picture by matplotlib's object API: code and margin, one column for each position."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gradlab.lines.looks import VIRIDIS, Fold, clean, headline, level, shown, tags
from gradlab.lines.model import Line, LineGradients
from gradlab.lines.parts import WORDS
from gradlab.lines.strip import Span, spans

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CELLS = 20  # cells of a strip
FONT = 8.0  # points; a character of the monospace font is 0.602 of that wide
WIDTH = 0.602 * FONT / 72  # inches of a character
ROW = 0.165  # inches of a line
CELL = 0.085  # inches of a cell
LONG = 96  # characters of a line that are drawn: what a page of a document can hold beside the margin


@dataclass(frozen=True)
class Picture:
    """A PNG with alternative text. Shown by notebooks as an image; its plain-text form is the alternative text."""

    png: bytes
    alt: str

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return {"image/png": base64.b64encode(self.png).decode("ascii"), "text/plain": self.alt}

    def __repr__(self) -> str:
        return self.alt


def picture(results: Sequence[LineGradients], titles: Sequence[str] = (), dpi: int = 110) -> Picture:
    """One or several results (both positions of a switch) side by side, on one scale, as a PNG with its words."""
    buffer = io.BytesIO()
    draw(results, titles).savefig(buffer, format="png", dpi=dpi)
    return Picture(buffer.getvalue(), describe(results, titles))


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
    scale = (min(r.scale[0] for r in results), max(r.scale[1] for r in results))
    columns = [_Column(r, titles[i] if i < len(titles) else r.title, scale) for i, r in enumerate(results)]
    height = max(c.height for c in columns)
    width = sum(c.width for c in columns)
    figure = Figure(figsize=(width, height))
    at = 0.0
    for column in columns:
        axes = figure.add_axes((at / width, 1 - column.height / height, column.width / width, column.height / height))
        column.draw(axes)
        at += column.width
    return figure


class _Column:
    """One result: sizes in inches, so that nothing is clipped whatever the lines hold."""

    def __init__(self, result: LineGradients, title: str, scale: tuple[int, int]) -> None:
        self.result, self.scale = result, scale
        self.rows = [x for x in shown(result.lines)]
        self.title = _short(clean(title or headline(result)))
        kinds = {v.kind for x in result.lines for v in x.visits}
        low, high = scale
        self.key = ([f"norm 1e{low} to 1e{high}"] if "ok" in kinds else []) + [WORDS[k].partition(":")[0] for k in WORDS if k in kinds and k not in ("ok", "")]  # fmt: skip
        self.notes = [_short(clean(n)) for n in result.notes]
        self.digits = max((len(str(x.number)) for x in result.lines), default=1)
        self.cells = max((min(len(x.visits), CELLS) for x in result.lines), default=0)
        self.margin = 0.18 + max(self.cells, 6) * CELL
        longest = [len(self.title) * 1.05, 30.0, *(len(n) for n in self.notes)]
        longest += [len(self._text(x)) + len(self._said(x)) + self.digits + 4 for x in self.rows if isinstance(x, Line)]
        key = sum(len(k) + 5 for k in self.key)
        self.width = self.margin + max(*longest, key) * WIDTH + 0.15
        self.height = (len(self.rows) + len(self.notes) + 3) * ROW + 0.1

    def _text(self, line: Line) -> str:
        return _short(clean(line.text))

    def _said(self, line: Line) -> str:
        said = tags(self.result, line)
        return "  " + _short("; ".join(said)) if said else ""

    def draw(self, axes: Any) -> None:
        axes.set_axis_off()
        axes.set(xlim=(0, self.width), ylim=(self.height, 0))
        y = 0.05 + ROW / 2
        _write(axes, 0.1, y, self.title, weight="bold")
        y += ROW
        self._key(axes, y)
        for row in self.rows:
            y += ROW
            self._row(axes, y, row)
        for note in self.notes:
            y += ROW
            _write(axes, 0.1, y, note, style="italic", color="#57606a")

    def _key(self, axes: Any, y: float) -> None:
        kinds = [k for k in WORDS if k in {v.kind for x in self.result.lines for v in x.visits} and k not in ("ok", "")]
        x = 0.1
        if self.key and self.key[0].startswith("norm"):
            for i, colour in enumerate(VIRIDIS):
                _box(axes, x + i * 0.03, y, 0.03, facecolor=colour)
            x += 0.33
            _write(axes, x, y, self.key[0], color="#57606a")
            x += (len(self.key[0]) + 2) * WIDTH
        for kind in kinds:
            _cell(axes, x, y, Span(kind), self.scale)
            words = WORDS[kind].partition(":")[0]
            _write(axes, x + CELL + 0.04, y, words, color="#57606a")
            x += CELL + 0.04 + (len(words) + 2) * WIDTH

    def _row(self, axes: Any, y: float, row: Line | Fold) -> None:
        if isinstance(row, Fold):
            _write(axes, self.margin, y, f"⋮ {row.count} lines", color="#57606a", style="italic")
            return
        if row.cut or row.raised:
            _box(axes, 0, y, self.width, high=ROW, facecolor="#ffebe9", zorder=0)
        if "# <-- the switch" in row.text:
            _box(axes, 0, y, self.width, high=ROW, facecolor="#fff8c5", zorder=0)
        if row.bracket != "out":
            axes.plot(
                [0.06, 0.06],
                [y - ROW / 2, y + ROW / 2],
                color="#0969da",
                lw=2.5,
                ls="-" if row.bracket == "in" else ":",
            )
        found = spans(row.visits, CELLS) if row.visits else []
        x = self.margin - 0.06 - len(found) * CELL
        for i, span in enumerate(found):
            _cell(axes, x + i * CELL, y, span, self.scale)
        code = f"{row.number:>{self.digits}}  {self._text(row)}"
        _write(axes, self.margin, y, code)
        said = self._said(row)
        if said:
            strong = bool(row.cut or row.raised or row.missing)
            _write(axes, self.margin + len(code) * WIDTH, y, said, color="#a40e26" if strong else "#7d4e00")


def _short(text: str) -> str:
    return text if len(text) <= LONG else text[: LONG - 1] + "…"


def _write(axes: Any, x: float, y: float, text: str, **style: Any) -> None:
    # parse_math off: a `$` in a name or a line of code is a dollar sign.
    axes.text(x, y, text, family="DejaVu Sans Mono", fontsize=FONT, va="center_baseline", parse_math=False, **{"color": "#1f2328", **style})  # fmt: skip


def _box(axes: Any, x: float, y: float, wide: float, high: float = ROW * 0.8, **style: Any) -> None:
    from matplotlib.patches import Rectangle

    axes.add_patch(Rectangle((x, y - high / 2), wide, high, **{"linewidth": 0, **style}))


def _cell(axes: Any, x: float, y: float, span: Span, scale: tuple[int, int]) -> None:
    wide = CELL * 0.88
    kind = span.kind
    if kind == "ok":
        _box(axes, x, y, wide, facecolor=VIRIDIS[level(span.high or 0.0, scale, len(VIRIDIS))])
    elif kind == "zero":
        _box(axes, x, y, wide, facecolor="black")
        axes.plot([x + wide / 2], [y], "o", color="white", ms=1.8)
    elif kind in ("nan", "inf"):
        _box(axes, x, y, wide, facecolor="#cf222e", edgecolor="white", hatch="xxxx" if kind == "nan" else "++++")
    elif kind == "none":
        _box(axes, x, y, wide, facecolor="#f6f8fa", edgecolor="#555555", hatch="//////", linewidth=0.6)
    elif kind == "outside":
        _box(axes, x, y, wide, facecolor="none", edgecolor="#555555", linewidth=0.6, linestyle=":")
    elif kind == "unused":
        _box(axes, x, y, wide, facecolor="none", edgecolor="#999999", hatch="..", linewidth=0.6)
    elif kind == "ran":
        _box(axes, x, y, wide, facecolor="#999999")
