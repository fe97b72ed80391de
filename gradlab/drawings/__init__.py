"""Drawings for the lessons, made by code: one file each, found by looking in this folder.

- `drawing`: one of them by name, as SVG with words for those who don't see it.
- `names`: what there is.

A file has a function `draw()` that returns a `Drawing`; `Sheet` is what it draws on. Colours follow the reader's light or
dark setting (`prefers-color-scheme`), on a background of the drawing's own, and nothing is told by colour alone.
"""

from __future__ import annotations

import difflib
import html
import importlib
import pkgutil
from dataclasses import dataclass, field
from typing import Any

# Ink, paper, a weak line, the path of the gradient, and what ends it; each has a contrast of at least 4.5 to its paper.
_LIGHT = {
    "ink": "#1f2328",
    "paper": "#ffffff",
    "weak": "#6e7781",
    "fill": "#eef2f6",
    "path": "#0a5fb4",
    "cut": "#b00020",
}
_DARK = {
    "ink": "#e6edf3",
    "paper": "#161b22",
    "weak": "#9aa4af",
    "fill": "#263040",
    "path": "#79b8ff",
    "cut": "#ff8a8a",
}
_RULES = (
    ".paper{fill:%(paper)s}.box{fill:%(fill)s;stroke:%(ink)s}.none{fill:none;stroke:%(ink)s}"
    ".weak{fill:none;stroke:%(weak)s}.path{fill:none;stroke:%(path)s;stroke-width:2}"
    ".cut{fill:none;stroke:%(cut)s;stroke-width:2.5}.ink{fill:%(ink)s}.pale{fill:%(weak)s}.blue{fill:%(path)s}.red{fill:%(cut)s}"
)


@dataclass(frozen=True)
class Drawing:
    """An SVG with its words. Shown by notebooks as an image; its plain-text form is the words."""

    svg: str
    alt: str

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return {"image/svg+xml": self.svg, "text/plain": self.alt}

    def __repr__(self) -> str:
        return self.alt


@dataclass
class Sheet:
    """What a drawing is drawn on: `width` × `height` pixels, y downwards."""

    width: int
    height: int
    parts: list[str] = field(default_factory=list)

    def box(self, x: float, y: float, wide: float, high: float, text: str = "", style: str = "box") -> None:
        """A rectangle with its text in the middle."""
        self.parts.append(f'<rect class="{style}" x="{x}" y="{y}" width="{wide}" height="{high}" rx="5"/>')
        if text:
            self.text(x + wide / 2, y + high / 2 + 4.5, text)

    def text(self, x: float, y: float, text: str, style: str = "ink", anchor: str = "middle", size: int = 13) -> None:
        """A line of text on the base line y."""
        words = html.escape(text)
        self.parts.append(
            f'<text class="{style}" x="{x:g}" y="{y:g}" text-anchor="{anchor}" font-size="{size}">{words}</text>'
        )

    def line(
        self, *points: tuple[float, float], style: str = "weak", arrow: bool = False, dashed: bool = False
    ) -> None:
        """A line through points; with `arrow` it ends in one."""
        way = " ".join(f"{x:g},{y:g}" for x, y in points)
        more = ' stroke-dasharray="5 4"' if dashed else ""
        self.parts.append(f'<polyline class="{style}" points="{way}"{more}/>')
        if arrow:
            (x0, y0), (x, y) = points[-2:]
            length = ((x - x0) ** 2 + (y - y0) ** 2) ** 0.5 or 1.0
            u, v = (x - x0) / length, (y - y0) / length
            wings = [(x - 8 * u + s * 4 * v, y - 8 * v - s * 4 * u) for s in (1, -1)]
            self.line(wings[0], (x, y), wings[1], style=style)

    def cut(self, x: float, y: float, size: float = 14) -> None:
        """A cross that ends a path."""
        self.line((x - size / 2, y - size / 2), (x + size / 2, y + size / 2), style="cut")
        self.line((x - size / 2, y + size / 2), (x + size / 2, y - size / 2), style="cut")

    def drawing(self, alt: str) -> Drawing:
        """The whole sheet as a `Drawing`."""
        style = _RULES % _LIGHT + "@media (prefers-color-scheme:dark){" + _RULES % _DARK + "}"
        return Drawing(
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{self.width}" height="{self.height}" '
            f'viewBox="0 0 {self.width} {self.height}" role="img" aria-label="{html.escape(alt)}" '
            f'font-family="system-ui, sans-serif"><title>{html.escape(alt)}</title><style>{style}</style>'
            f'<rect class="paper" width="{self.width}" height="{self.height}" rx="6"/>{"".join(self.parts)}</svg>',
            alt,
        )


def names() -> list[str]:
    """The names of all drawings, sorted."""
    return sorted(m.name for m in pkgutil.iter_modules(__path__))


def drawing(name: str) -> Drawing:
    """The drawing of that name. Raises LookupError for an unknown one, naming the nearest and all there are.

    >>> from gradlab.drawings import drawing
    >>> drawing("staircase").svg.startswith("<svg")
    True
    """
    if name not in names():
        near = difflib.get_close_matches(name, names(), n=1)
        hint = f" Did you mean `{near[0]}`?" if near else ""
        raise LookupError(f"There is no drawing `{name}`.{hint} There are: {', '.join(names())}.")
    made = importlib.import_module(f"{__name__}.{name}").draw()
    assert isinstance(made, Drawing)
    return made
