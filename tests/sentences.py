"""The sentences of a notebook that state something strong: those with a number or with always, never, only, every or no."""

from __future__ import annotations

import re
from pathlib import Path

import jupytext

STRONG = re.compile(r"\b(always|never|only|every|no)\b|\d", re.IGNORECASE)
_ITEM = re.compile(r"\s*(- |\d+\. )")
_FENCED = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
# What is there in every notebook and states nothing of TensorFlow (how long it takes, where it goes on), and hints, which a
# solution that is run bears out
_FRAME = re.compile(
    r"\*\*(Needs|Gives|Minutes)\*\*|Run the cells|Nothing that you do here|<!-- |Hint: |Next: |\[?Notebook \d+|A good place to stop|.*\]\(\d\d_\w+\.ipynb\)$"
)


def sentences(script: Path) -> list[str]:
    """All sentences of the Markdown cells, one a line, without headings, tables and code blocks."""
    found = []
    for cell in jupytext.read(script, fmt="py:percent").cells:
        if cell.cell_type == "markdown":
            for paragraph in _paragraphs(cell.source):
                found += re.split(r"(?<=[.?!])(?:[*)_]*) +(?=[A-Z`(*\[\"])", paragraph)
    return [s.strip() for s in found]


def strong(script: Path) -> list[str]:
    """Those that must be in the list of statements."""
    return [s for s in sentences(script) if STRONG.search(s) and not _FRAME.match(s)]


def _paragraphs(text: str) -> list[str]:
    paragraphs, current = [], ""
    for line in [*_FENCED.sub("", text).split("\n"), ""]:
        apart = not line.strip() or line.startswith("#") or line.lstrip().startswith("|")
        if apart or _ITEM.match(line):
            if current:
                paragraphs.append(current)
            current = ""
            if apart:
                continue
            line = _ITEM.sub("", line, count=1)
        current = f"{current} {line.strip()}".strip()
    return paragraphs
