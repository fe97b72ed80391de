"""The report as HTML for a notebook or a file: nothing loaded from elsewhere, everything escaped, nothing told by
colour alone."""

from __future__ import annotations

import linecache
import math
from collections.abc import Iterable
from html import escape

from gradlab.doctor.recording.frames import Place
from gradlab.doctor.report.diagnosis import Diagnosis, Step
from gradlab.doctor.report.groups import groups, names, title
from gradlab.lab.reading import Kind

AROUND = 2
# Colour only repeats what the mark and the words say. White is read on each of them, whatever the page behind it is.
_RED, _AMBER, _VIOLET, _GREEN = "#b3261e", "#8a5a00", "#7a1fa2", "#1b7f4d"
_COLOURS = {Kind.OK: _GREEN, Kind.WRONG: _AMBER, Kind.ZERO: _AMBER, Kind.NOT_FINITE: _VIOLET}  # red for all others
_STYLE = """<style>
.gl-report{font:14px/1.45 system-ui,sans-serif;max-width:60rem}
.gl-report details{border:1px solid #8886;border-left-width:5px;border-radius:4px;margin:.4em 0;padding:.3em .7em}
.gl-report summary{cursor:pointer}
.gl-report .gl-mark{font-family:monospace;font-weight:700;color:#fff;border-radius:3px;padding:0
.35em;margin-right:.4em}
.gl-report pre{background:#8881;padding:.4em;overflow-x:auto;margin:.4em 0;font-size:13px}
.gl-report pre .gl-cut{background:#ffd54f;color:#000;font-weight:700;display:inline-block;min-width:100%}
.gl-report dl{display:grid;grid-template-columns:max-content 1fr;gap:.1em .8em;margin:.4em 0}
.gl-report dt{font-weight:600}.gl-report dd{margin:0}
.gl-report svg text{fill:currentColor;font-family:monospace;font-size:12px}
</style>"""


def count_of_problems(bad: int, count: int) -> str:
    """How many gradients have a problem, in words."""
    return f"{bad} of {count} gradient{'s' * (count > 1)} {'have' if bad > 1 else 'has'} a problem"


def all_there(rows: list[Diagnosis]) -> str:
    """What is said where no gradient has a problem."""
    if not rows:
        return "there was no gradient to look at"
    unseen, harmless = sum(row.unseen for row in rows), sum(row.harmless for row in rows)
    if not unseen and harmless:
        return f"no gradient has a problem; {harmless} of {len(rows)} {'are' if harmless > 1 else 'is'} zero by design"
    if not unseen:
        return "every gradient is there"
    of = "their values were" if unseen == len(rows) else f"the values of {unseen} of {len(rows)} were"
    return f"no gradient is None; {of} not looked at"


def page(
    bad: list[Diagnosis], healthy: list[Diagnosis], *, about: str, notes: Iterable[str], footer: str, lines: str = ""
) -> str:
    """One report as an HTML fragment: the rows to look at, worst first, then the healthy ones. `lines` is HTML: the code
    with its line gradients, folded."""
    what = f"gradlab.explain, {escape(about)}" if about else "gradlab.explain"
    count = len(bad) + len(healthy)
    head = f"{what}: {all_there(healthy)}" if not bad else f"{what}: {count_of_problems(len(bad), count)}"
    parts = [_STYLE, f'<section class="gl-report" aria-label="Gradient report"><p><strong>{head}</strong></p>']
    parts += [_entry(group, n == 0) for n, group in enumerate(groups(bad))]
    parts += [_entry(group, False) for group in groups(healthy)]
    if lines:
        parts.append(
            f"<details><summary>The code with the gradient of each line in its margin</summary>{lines}</details>"
        )
    parts += [f"<p>Note: {escape(n)}</p>" for n in notes]
    parts.append(f"<p><small>{escape(footer)}</small></p></section>" if footer else "</section>")
    return "".join(parts)


def document(pages: Iterable[str]) -> str:
    """Several reports, each as `page` gives it, as a page of their own."""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>gradlab '
        f"explain</title></head><body>{''.join(pages)}</body></html>"
    )


def _entry(group: list[Diagnosis], opened: bool) -> str:
    """Rows that say the same, with the evidence of the first."""
    row = group[0]
    colour = _COLOURS.get(row.status, _RED)
    words = row.words + (f" (norm {row.norm:.3g})" if row.status is Kind.OK and row.norm is not None else "")
    cause = f": <em>{escape(row.reason)}</em>" if row.cause else ""
    design = ", by design here" if row.by_design else ""
    mark = f'<span class="gl-mark" style="background:{colour}">{escape(row.status.mark)}</span>'
    head = f"{mark}<code>{escape(title(group))}</code> — {escape(words)}{cause}{design}"
    body = []
    for place in row.where[:1]:
        body.append(_source(place))
    shared = names(group) if len(group) > 1 else ""
    facts = [
        ("Variables", shared),
        ("What", row.message),
        ("Evidence", row.evidence),
        ("Fix", row.fix or ""),
        ("Op", row.op),
    ]
    if row.status is not Kind.OK:
        facts.append(("Certainty", str(row.certainty)))
    callers = [p for p in row.where[1:] if not p.code.startswith("get_ipython().")]  # IPython's line for %%explain
    also = ", ".join(f"{escape(str(p))} <code>{escape(p.code)}</code>" for p in callers[:3])
    items = "".join(f"<dt>{k}</dt><dd>{escape(v)}</dd>" for k, v in facts if v)
    if also:
        items += f"<dt>Called from</dt><dd>{also}</dd>"
    body.append(f"<dl>{items}</dl>")
    if row.path:
        body.append(_path(row))
    shown = " open" if opened else ""
    inner = f"<summary>{head}</summary>{''.join(body)}"
    return f'<details style="border-left-color:{colour}"{shown}>{inner}</details>'


def _source(place: Place) -> str:
    """The user's lines around a place, the line itself highlighted and marked with an arrow."""
    lines = []
    for n in range(max(1, place.line - AROUND), place.line + AROUND + 1):
        text = linecache.getline(place.file, n)
        if not text:
            continue
        shown = escape(f"{n:>5} {text.rstrip()}")
        lines.append(f'<span class="gl-cut">▶{shown}</span>' if n == place.line else f" {shown}")
    name = escape(place.shown)
    return f"<p><small>{name}</small></p><pre><code>{chr(10).join(lines)}</code></pre>"


def _norm(step: Step) -> str:
    if step.norm is None:
        return "None"
    return "NaN" if math.isnan(step.norm) else "∞" if math.isinf(step.norm) else f"{step.norm:.3g}"


def _width(step: Step) -> float:
    """Length of the bar, by order of magnitude: 1e-8 and less is a dot, 1e4 and more is full."""
    if step.norm is None or not math.isfinite(step.norm) or step.norm <= 0:
        return 0.0
    return 8 + 112 * min(max((math.log10(step.norm) + 8) / 12, 0.0), 1.0)


def _path(row: Diagnosis) -> str:
    """The way from the source to the loss, one line of code a row, with the gradient's norm and the cut."""
    high, top = 26, 30
    steps = row.path
    height = top + high * (len(steps) + 1) + 4
    said = "; ".join(f"{s.place} {s.op}, gradient norm {_norm(s)}{', the cut' if s.cut else ''}" for s in steps)
    label = escape(f"Path from {row.name} to the loss: {said}; loss", quote=True)
    out = [
        f'<svg role="img" aria-label="{label}" width="100%" height="{height}" viewBox="0 0 860 '
        f'{height}"><title>{label}</title>'
    ]
    out.append(
        f'<text x="24" y="16" font-weight="bold">{escape(row.name)}</text><text x="560" y="16">‖d loss / d '
        f"value‖</text>"
    )
    for n, s in enumerate(steps):
        y = top + high * n + 8
        dash = ' stroke-dasharray="3 4"' if s.norm is None else ""
        out.append(
            f'<line x1="10" y1="{y - high + 6}" x2="10" y2="{y - 6}" stroke="currentColor" stroke-width="2"{dash}/>'
        )
        if s.cut:
            out.append(f'<path d="M4 {y - 6} L16 {y + 6} M16 {y - 6} L4 {y + 6}" stroke="#b3261e" stroke-width="3"/>')
        else:
            fill = "none" if s.norm is None or s.norm == 0 else "currentColor"
            out.append(f'<circle cx="10" cy="{y}" r="4" fill="{fill}" stroke="currentColor"/>')
        code = s.place.code
        shown = escape((code[:58] + "…") if len(code) > 59 else code)
        weight = ' font-weight="bold"' if s.cut else ""
        out.append(f'<text x="24" y="{y + 4}"{weight}>{s.place.line:>4}  {shown}</text>')
        out.append(f'<rect x="560" y="{y - 5}" width="{_width(s):.0f}" height="10" fill="#1b7f4d"/>')
        out.append(f'<text x="690" y="{y + 4}"{weight}>{_norm(s)}{"  ✕ cut here" if s.cut else ""}</text>')
    y = top + high * len(steps) + 8
    out.append(f'<line x1="10" y1="{y - high + 6}" x2="10" y2="{y - 6}" stroke="currentColor" stroke-width="2"/>')
    out.append(
        f'<rect x="5" y="{y - 5}" width="10" height="10" fill="currentColor"/><text x="24" y="{y + 4}" '
        f'font-weight="bold">loss</text></svg>'
    )
    return "".join(out)
