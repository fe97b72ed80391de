"""Line gradients as text: block characters for sizes, a sign of its own for every other kind.

Colour only on a terminal; signs of ASCII only where the stream cannot encode the others.
"""

from __future__ import annotations

import linecache
import os
import shutil
import sys
from typing import Any

from gradlab.lines.looks import MANY, Fold, clean, headline, level, shown, tags
from gradlab.lines.model import Line, LineGradients
from gradlab.lines.parts import MAX_TEXT, WORDS
from gradlab.lines.strip import Span, spans

WHOLE = 400  # lines from which a whole file is folded too: it is printed to be scrolled through, not to be seen at once
MARGIN = 14  # columns of the margin: what 80 columns can spare beside code
BLOCKS = "▁▂▃▄▅▆▇█"
SIGNS = {"zero": "0", "none": "∅", "nan": "✗", "inf": "∞", "outside": "┄", "unused": "·", "ran": "○", "": " "}
BRACKETS = {"in": "┃", "part": "╎", "out": " "}
ASCII_BLOCKS = "_.-=+*%#"
ASCII_SIGNS = {"zero": "0", "none": "N", "nan": "?", "inf": "!", "outside": "~", "unused": ",", "ran": "o", "": " "}
ASCII_BRACKETS = {"in": "|", "part": ":", "out": " "}
ASCII_WORDS = {
    "✂": "8<",
    "‼": "!!",
    "→": "->",
    "∅": "None",
    "∞": "inf",
    "·": "-",
    "…": "...",
    "×": "x",
    "⋮": ":",
    "└": "`",
    "�": "?",
}
COLOURS = {
    "ok": "36",
    "zero": "1",
    "none": "33",
    "nan": "31",
    "inf": "31",
    "outside": "2",
    "unused": "2",
    "ran": "2",
    "": "0",
}
RED = "31"


def plain(result: LineGradients) -> str:
    """The text behind `repr`: 100 columns, no colour."""
    return render(result, columns=100, colour=False, ascii=False)


def render(
    result: LineGradients,
    *,
    margin: int = MARGIN,
    columns: int | None = None,
    colour: bool | None = None,
    ascii: bool | None = None,
    numbers: bool = False,
    whole: bool = False,
    stream: Any = None,
) -> str:
    """The code with its margin.

    `margin` is its width in columns (at least 4), `columns` that of a line (the terminal's), `numbers` adds how often a
    line ran and its norms, `whole` shows the main file from its first line to its last. `colour` and `ascii` are read
    from `stream` (default: standard output) where they are None.
    """
    if margin < 4:
        raise ValueError(f"margin is {margin}; expected at least 4 columns")
    stream = sys.stdout if stream is None else stream
    colour = _terminal(stream) if colour is None else colour
    ascii = not _encodes(stream) if ascii is None else ascii
    columns = shutil.get_terminal_size((100, 24)).columns if columns is None else columns
    style = _Style(result, margin, max(columns, margin + 20), colour, ascii, numbers)
    lines = [style.legend()]
    for file in dict.fromkeys(x.file for x in result.lines):
        mine = [x for x in result.lines if x.file == file]
        if file != result.file or not whole:
            if len(result.files) > 1 or not whole:
                lines.append(clean(_name(file)))
        elif whole:
            mine = _whole(file, mine)
        width = len(str(max(x.number for x in mine)))
        lines += [
            style.fold(x, width) if isinstance(x, Fold) else style.line(x, width)
            for x in shown(mine, WHOLE if whole else MANY)
        ]
    lines += [f"note: {clean(n)}" for n in ([result.mode] if result.mode else []) + result.notes]
    if result.raised is not None and not any(x.raised for x in result.lines):
        lines.append(clean(f"raised at {_name(result.raised[0])}:{result.raised[1]}: {result.raised[2]}"))
    text = "\n".join(lines)
    return _as_ascii(text) if ascii else text


def _name(file: str) -> str:
    return (
        "notebook cell"
        if f"{os.sep}ipykernel_" in file or file.startswith("<ipython")
        else os.path.relpath(file)
        if os.path.isfile(file) and not os.path.relpath(file).startswith("..")
        else file
    )


def _terminal(stream: Any) -> bool:
    return "NO_COLOR" not in os.environ and bool(getattr(stream, "isatty", lambda: False)())


def _encodes(stream: Any) -> bool:
    try:
        (BLOCKS + "∅∞✂┃╎✗┄○‼→").encode(getattr(stream, "encoding", None) or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _as_ascii(text: str) -> str:
    for sign, words in ASCII_WORDS.items():
        text = text.replace(sign, words)
    return text.encode("ascii", "backslashreplace").decode("ascii")


def _whole(file: str, lines: list[Line]) -> list[Line]:
    """All lines of a file: those with a margin, and the others with an empty one."""
    known = {x.number: x for x in lines}
    text = linecache.getlines(file)
    return [known.get(n) or Line(file, n, n, t.rstrip("\r\n")[:MAX_TEXT], "") for n, t in enumerate(text, 1)]


class _Style:
    def __init__(
        self, result: LineGradients, margin: int, columns: int, colour: bool, ascii: bool, numbers: bool
    ) -> None:
        self.result, self.margin, self.columns, self.colour, self.numbers = result, margin, columns, colour, numbers
        self.blocks, self.signs = (ASCII_BLOCKS, ASCII_SIGNS) if ascii else (BLOCKS, SIGNS)
        self.brackets = ASCII_BRACKETS if ascii else BRACKETS

    def paint(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour and text.strip() else text

    def legend(self) -> str:
        low, high = self.result.scale
        kinds = {v.kind for line in self.result.lines for v in line.visits}
        parts = [headline(self.result)]
        if "ok" in kinds:
            parts.append(f"{self.blocks[0]} 1e{low} … {self.blocks[-1]} 1e{high}")
        parts += [f"{self.signs[k]} {WORDS[k].partition(':')[0]}" for k in WORDS if k in kinds and k not in ("ok", "")]
        return "   ".join(parts)

    def cell(self, span: Span) -> str:
        if span.kind != "ok":
            return self.paint(self.signs[span.kind], COLOURS[span.kind])
        return self.paint(self.blocks[level(span.high or 0.0, self.result.scale, len(self.blocks))], COLOURS["ok"])

    def strip(self, line: Line) -> str:
        room = self.margin - 2
        found = spans(line.visits, room) if line.visits else []
        gap = " " * (room - len(found))
        return gap + "".join(self.cell(s) for s in found)

    def numbers_of(self, line: Line) -> str:
        sizes = [v.norm for v in line.visits if v.kind == "ok" and v.norm is not None]
        many = f"{len(line.visits)}×" if len(line.visits) > 1 else ""
        low, high = (f"{min(sizes):.0e}", f"{max(sizes):.0e}") if sizes else ("", "")
        return f"{many:>6} {low if low == high else f'{low}…{high}':>13} "

    def fold(self, fold: Fold, width: int) -> str:
        return f"{' ' * (self.margin + (21 if self.numbers else 0))}{'⋮':>{width}} ({fold.count} lines)"

    def line(self, line: Line, width: int) -> str:
        bracket = self.brackets[line.bracket]
        head = f"{bracket}{self.strip(line)} " + (self.numbers_of(line) if self.numbers else "")
        used = self.margin + (21 if self.numbers else 0) + width + 2
        said = "  ".join(tags(self.result, line))
        code = clean(line.text)
        room = max(self.columns - used, 20)
        code = code if len(code) <= room else code[: room - 1] + "…"
        tail = ""
        if said:
            said_in = self.paint(said, RED if line.cut or line.raised or line.missing else "33")
            fits = len(code) + len(said) + 2 <= room
            # Where the words do not fit beside the code they stand below it, under its first character.
            below = " " * (used - 1 + len(code) - len(code.lstrip()))
            tail = f"  {said_in}" if fits else f"\n{bracket}{below}└ {said_in}"
        return f"{head}{line.number:>{width}}  {code}{tail}".rstrip()
