"""What text, page and picture share: lines to show, levels and colours on the scale, and words without control characters."""

from __future__ import annotations

import math
from dataclasses import dataclass

from gradlab.lines.model import Line, LineGradients

KEPT = 3  # lines without anything to tell that stay: fewer than this are not worth a fold
MANY = 60  # lines from which the ones that tell nothing are folded: more than a screen
NARROW = {"ok": "ok", "zero": "0", "none": "∅", "nan": "NaN", "inf": "∞", "missing": "not in the list", "raises": "raises", "ran": "?"}  # fmt: skip
# Ten colours of matplotlib's map viridis, dark to bright: the page and the panel's scale look alike.
VIRIDIS = ("#440154", "#482878", "#3e4989", "#31688e", "#26828e", "#1f9e89", "#35b779", "#6ece58", "#b5de2b", "#fde725")


@dataclass(frozen=True)
class Fold:
    """Lines that are not shown."""

    count: int


def clean(text: str) -> str:
    """Text without control characters, which could move a terminal's cursor or reorder what is read."""
    return "".join(c if c.isprintable() else "�" for c in text.expandtabs(4))


def level(norm: float, scale: tuple[int, int], levels: int) -> int:
    """The step of a norm on the logarithmic scale, from 0 to levels - 1."""
    low, high = scale
    part = (math.log10(norm) - low) / (high - low) if norm > 0 else 0.0
    return min(levels - 1, max(0, int(part * levels)))


def shown(lines: list[Line], many: int = MANY) -> list[Line | Fold]:
    """The lines, those that tell nothing folded where there are many. Headers, the question and the tape stay."""
    if len(lines) <= many:
        return list(lines)
    keep = set()
    for i, line in enumerate(lines):
        text = line.text.strip()
        edge = i > 0 and lines[i - 1].bracket != line.bracket
        if line.tells or line.asks or edge or text.startswith(("def ", "class ", "with ", "for ", "while ")):
            keep.add(i)
    found: list[Line | Fold] = []
    run: list[Line] = []

    def flush() -> None:
        found.extend(run if len(run) < KEPT else [Fold(len(run))])
        run.clear()

    for i, line in enumerate(lines):
        if i in keep:
            flush()
            found.append(line)
        else:
            run.append(line)
    flush()
    return found


def tags(result: LineGradients, line: Line) -> list[str]:
    """The words at the right of a line: what it reads, lacks, cuts, raises and passes on."""
    parts = []
    odd = [(name, kind) for name, kind in line.reads if kind != "ok" or name == result.source]
    if odd:
        parts.append("reads " + ", ".join(f"{name} {NARROW.get(kind, kind)}" for name, kind in odd))
    if line.missing:
        parts.append("the list lacks " + ", ".join(line.missing))
    by_words: dict[str, list[str]] = {}
    for cut in line.cut:
        by_words.setdefault(cut.words, []).append(cut.source)
    parts += [f"✂ {', '.join(names)}" + (f": {words}" if words else "") for words, names in by_words.items()]
    if line.raised:
        parts.append(f"‼ {line.raised}")
    to = sorted(
        {a.to_line for a in result.arrows if a.file == line.file and a.line == line.number and a.to_file == a.file}
    )
    if to:
        parts.append("→ passed on to line " + ", ".join(map(str, to)))
    return [clean(p) for p in parts]


def headline(result: LineGradients) -> str:
    """What the lines are about, in one sentence."""
    parts = []
    if result.asks:
        ask = result.asks[result.ask]
        where = f" at line {ask.line}" if ask.line else ""
        tape = f", tape {result.tape} of {result.tapes}" if result.tape and result.tapes > 1 else ""
        parts.append(f"{ask.what}{where}{tape}")
        if len(result.asks) > 1:
            parts.append(f"question {result.ask + 1} of {len(result.asks)}")
    else:
        parts.append("no tape was asked")
    if result.source:
        parts.append(f"source {clean(result.source)}")
    return clean(" · ".join(parts))
