"""Line gradients as a web page: HTML and SVG, no script, nothing from the network. Everything that is shown is escaped."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from gradlab.doctor.recording.frames import Place
from gradlab.lines.looks import VIRIDIS, Fold, clean, headline, level, shown, tags
from gradlab.lines.model import Line, LineGradients
from gradlab.lines.parts import WORDS
from gradlab.lines.strip import Span, spans

CELLS = 24  # cells of a strip; more visits are drawn as spans
WIDE, HIGH = 9, 14  # of a cell, in px

STYLE = """
.gradlab-lines { font: 13px/1.4 system-ui, sans-serif; color: #1f2328; background: #fff; padding: 8px 0; }
.gradlab-lines .scroll { overflow-x: auto; }
.gradlab-lines table { border-collapse: collapse; font: 12px/1.5 ui-monospace, monospace; text-align: left; }
.gradlab-lines caption { text-align: left; font: 600 13px system-ui, sans-serif; padding: 4px 0; }
.gradlab-lines.gradlab-lines table th { font: 11px system-ui, sans-serif; color: #57606a; padding: 0 6px; text-align: left; }
.gradlab-lines.gradlab-lines table td { padding: 0 6px; white-space: pre; text-align: left; vertical-align: middle; border: 0; background: transparent; }
.gradlab-lines.gradlab-lines table td.code { white-space: pre-wrap; overflow-wrap: anywhere; min-width: 32em; }
.gradlab-lines.gradlab-lines table td.said { white-space: normal; font-family: system-ui, sans-serif; min-width: 14em; }
.gradlab-lines.gradlab-lines table td.strip { text-align: right; }
.gradlab-lines.gradlab-lines table td.in { border-left: 4px solid #0969da; }
.gradlab-lines.gradlab-lines table td.part { border-left: 4px dotted #0969da; }
.gradlab-lines.gradlab-lines table td.out { border-left: 4px solid transparent; }
.gradlab-lines tr.cut { background: #ffebe9; } .gradlab-lines tr.raised { background: #ffebe9; outline: 2px dashed #a40e26; }
.gradlab-lines tr.cut td.said, .gradlab-lines tr.raised td.said { color: #82071e; font-weight: 600; }
.gradlab-lines tr.pale td.code { color: #6b7280; }
.gradlab-lines tr.fold td { color: #57606a; font-style: italic; }
.gradlab-lines svg { display: inline-block; vertical-align: middle; }
.gradlab-lines ul { margin: 4px 0; padding-left: 1.4em; } .gradlab-lines .key { color: #57606a; margin: 2px 0; }
@media (prefers-color-scheme: dark) {
.gradlab-lines { color: #e6edf3; background: #0d1117; }
.gradlab-lines.gradlab-lines table th, .gradlab-lines .key, .gradlab-lines tr.fold td { color: #9da7b3; }
.gradlab-lines tr.cut, .gradlab-lines tr.raised { background: #490202; }
.gradlab-lines tr.cut td.said, .gradlab-lines tr.raised td.said { color: #ffc1ba; }
.gradlab-lines.gradlab-lines table td.in, .gradlab-lines.gradlab-lines table td.part { border-left-color: #4493f8; }
.gradlab-lines tr.pale td.code { color: #9198a1; }
}
""".strip()


def document(results: Iterable[LineGradients], title: str = "Line gradients") -> str:
    """A whole page with one element for each result."""
    body = "\n".join(_body(r, n) for n, r in enumerate(results))
    name = escape(clean(title))
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{name}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>body {{ margin: 16px; background: #fff; color: #1f2328; font-family: system-ui, sans-serif; }}\n"
        f"@media (prefers-color-scheme: dark) {{ body {{ background: #0d1117; color: #e6edf3; }} }}\n{STYLE}</style></head>"
        f"<body><main><h1>{name}</h1>\n{body}</main></body></html>\n"
    )


def element(result: LineGradients) -> str:
    """One element for a notebook's output."""
    return f"<div><style>{STYLE}</style>{_body(result, 0)}</div>"


def _body(result: LineGradients, number: int) -> str:
    title = escape(clean(result.title or "line gradients"))
    parts = [f'<section class="gradlab-lines" aria-label="{title} ({number + 1})">']
    parts.append(f'<p class="key">{escape(headline(result))}{_key(result)}</p>')
    for file in dict.fromkeys(x.file for x in result.lines):
        mine = [x for x in result.lines if x.file == file]
        name = escape(clean(Place(file, 0).shown_file))
        parts.append(
            f'<div class="scroll" tabindex="0" role="region" aria-label="{title} ({number + 1}), {name}"><table><caption>{title}'
            f'<br><span style="font-weight:400">{name}</span></caption><thead><tr><th scope="col">gradient of each visit</th>'
            f'<th scope="col">line</th><th scope="col">code</th><th scope="col">what is said</th></tr></thead><tbody>'
        )
        parts += [_fold(x) if isinstance(x, Fold) else _row(result, x) for x in shown(mine)]
        parts.append("</tbody></table></div>")
    notes = ([result.mode] if result.mode else []) + result.notes
    if result.raised is not None:
        notes = [f"raised at line {result.raised[1]}: {result.raised[2]}", *notes]
    if notes:
        parts.append("<ul>" + "".join(f"<li>{escape(clean(n))}</li>" for n in notes) + "</ul>")
    parts.append("</section>")
    return "".join(parts)


def _key(result: LineGradients) -> str:
    low, high = result.scale
    kinds = {v.kind for line in result.lines for v in line.visits}
    parts = []
    if "ok" in kinds:
        bar = "".join(f'<rect x="{i * 8}" width="8" height="10" fill="{c}"/>' for i, c in enumerate(VIRIDIS))
        parts.append(
            f' · norm 1e{low} <svg role="img" aria-label="dark to bright" width="80" height="10">{bar}</svg> 1e{high}'
        )
    for kind in WORDS:
        if kind in kinds and kind not in ("ok", ""):
            svg = f'<svg aria-hidden="true" width="{WIDE}" height="{HIGH}">{_cell(Span(kind), 0, (0, 1))}</svg>'
            parts.append(f" · {svg} {escape(WORDS[kind])}")
    return "".join(parts)


def _fold(fold: Fold) -> str:
    return f'<tr class="fold"><td class="out"></td><td>⋮</td><td>{fold.count} lines</td><td></td></tr>'


def _row(result: LineGradients, line: Line) -> str:
    marks = ["cut"] if line.cut else []
    marks += ["raised"] if line.raised else []
    if result.source is not None and result.source not in line.way and line.visits:
        marks.append("pale")
    name = f' class="{" ".join(marks)}"' if marks else ""
    said = "; ".join(tags(result, line))
    text = clean(line.text)
    hang = len(text) - len(text.lstrip()) + 2  # a line that goes on below itself goes on further in
    return (
        f'<tr{name}><td class="strip {line.bracket}">{_strip(result, line)}</td><td>{line.number}</td>'
        f'<td class="code" style="padding-left:calc({hang}ch + 6px);text-indent:-{hang}ch">{escape(text)}</td><td class="said">{escape(said)}</td></tr>'
    )


def _strip(result: LineGradients, line: Line) -> str:
    if not line.visits:
        return ""
    found = spans(line.visits, CELLS)
    words = escape(clean(line.words()))
    cells = "".join(_cell(s, i * (WIDE + 1), result.scale) for i, s in enumerate(found))
    return f'<svg role="img" aria-label="{words}" width="{len(found) * (WIDE + 1)}" height="{HIGH}">{cells}</svg>'


def _cell(span: Span, x: int, scale: tuple[int, int]) -> str:
    """One cell; every kind has a shape of its own, so that none is told by colour alone."""
    box = f'<rect x="{x + 0.5}" y="0.5" width="{WIDE - 1}" height="{HIGH - 1}"'
    a, b, mid = x + 1, x + WIDE - 1, x + WIDE / 2
    text = escape(span.visits[0].words() if len(span.visits) == 1 else f"{len(span.visits)} visits, {WORDS[span.kind]}") if span.visits else ""  # fmt: skip
    title = f"<title>{text}</title>" if text else ""
    if span.kind == "ok":
        return f'<rect x="{x}" width="{WIDE}" height="{HIGH}" fill="{VIRIDIS[level(span.high or 0.0, scale, len(VIRIDIS))]}">{title}</rect>'
    if span.kind == "zero":
        return f'{box} fill="#000" stroke="#888">{title}</rect><circle cx="{mid}" cy="{HIGH / 2}" r="1.5" fill="#fff"/>'
    if span.kind in ("nan", "inf"):
        cross = f'<path d="M{a} 1L{b} {HIGH - 1}M{b} 1L{a} {HIGH - 1}" stroke="#fff" stroke-width="1.5"/>'
        bar = "" if span.kind == "nan" else f'<path d="M{a} {HIGH / 2}H{b}" stroke="#fff" stroke-width="1.5"/>'
        return f'{box} fill="#cf222e" stroke="#82071e">{title}</rect>{cross}{bar}'
    if span.kind == "none":
        hatch = f'<path d="M{a} 6L{x + 5} 1M{a} {HIGH - 2}L{b} 3M{x + 4} {HIGH - 1}L{b} 9" stroke="#555"/>'
        return f'{box} fill="#f6f8fa" stroke="#777">{title}</rect>{hatch}'
    if span.kind == "outside":
        return f'{box} fill="none" stroke="#777" stroke-dasharray="2 2">{title}</rect>'
    if span.kind == "unused":
        return f'{box} fill="none" stroke="#999">{title}</rect><path d="M{a} {HIGH - 2}L{b} 2" stroke="#999" stroke-dasharray="1 2"/>'
    if span.kind == "ran":
        return f'{box} fill="#999" stroke="#777">{title}</rect>'
    return ""
