"""The HTML around the heatmaps: the code with its marked line, the verdict, an error. Everything is escaped here."""

from __future__ import annotations

import html
import traceback
from collections.abc import Mapping
from typing import TYPE_CHECKING

from gradlab.lab.reading import Kind, Side
from gradlab.lab.scenario import MARK, Scenario
from gradlab.lab.verdict import in_words, judge
from gradlab.runtime.exceptions import place, plain, sentence

if TYPE_CHECKING:
    from gradlab.lab.blamed_line import Cut  # which imports TensorFlow; this module must not

_MONO = "font-family:var(--jp-code-font-family,monospace);font-size:12px;line-height:1.45"


def source_html(scenario: Scenario) -> str:
    """The code that runs, the line of the switch marked by a bar, a background and a word."""
    lines = []
    for line in scenario.source.splitlines():
        text = html.escape(line) or "&nbsp;"
        if MARK in line:
            text = (
                '<mark style="background:#ffe08a;color:#111;box-shadow:-8px 0 #ffe08a, -12px 0 #b26a00;'
                f'display:inline-block;width:100%">{text}</mark>'
            )
        lines.append(text)
    return (
        "<details open><summary>The code that runs, its switch marked</summary>"
        f'<pre tabindex="0" aria-label="Source code of {scenario.name}" '
        f'style="{_MONO};overflow-x:auto;margin:4px 0;padding-left:14px">' + "\n".join(lines) + "</pre></details>"
    )


def verdict_html(scenario: Scenario, sides: tuple[Side, Side], keras: int, cut: str = "") -> str:
    """What the claim predicted, what was measured just now, and the verdict that follows.

    `cut` is the HTML of the row "Cut at" (see `cut_html`); without it there is no such row.
    """
    predicted = scenario.expected(keras)[0]
    on = sides[1]
    missing = [name for name in predicted if name not in on.kinds]
    if missing:
        return f'<div role="status">No verdict: nothing was measured for {html.escape(", ".join(missing))}.</div>'
    verdict = judge(predicted, on)
    found = {name: on.kinds[name] for name in predicted}
    rows = [
        ("The claim", html.escape(scenario.claim)),
        (f"It predicts, for “{html.escape(scenario.switch[1])}”", html.escape(in_words(predicted))),
        ("Measured just now", html.escape(in_words(found))),
        ("Verdict", f"<b>{verdict}</b> (Keras {keras}, claim {', '.join(scenario.claims)})"),
    ]
    if cut:
        rows.append(("Cut at", cut))
    if on.watched is not None:
        rows.append(("Watched by the tape", html.escape(", ".join(on.watched)) or "nothing"))
        listed = [r.name for r in on.readings if r.kind not in (Kind.MISSING, Kind.RAISES)]
        rows.append(("In the list of variables", html.escape(", ".join(listed)) or "nothing: the list is empty"))
    body = "".join(f'<tr><th scope="row" style="text-align:left;padding-right:10px">{a}</th>'
                   f'<td style="text-align:left">{b}</td></tr>' for a, b in rows)  # fmt: skip
    return f'<table role="status" style="margin:4px 0">{body}</table>'


def broken(side: Side) -> dict[str, Kind]:
    """The sources that can have a line that cuts them: not those with a gradient, nor those not in the list."""
    return {name: kind for name, kind in side.kinds.items() if kind not in (Kind.OK, Kind.MISSING)}


def cut_html(side: Side, cuts: Mapping[str, Cut]) -> str:
    """The lines that cut the gradient, the sources of each beside it. A source without a line is said to have none."""
    groups: dict[Cut, list[str]] = {}
    for name in broken(side):
        if name in cuts:
            groups.setdefault(cuts[name], []).append(name)
    parts = [
        f"<code>{html.escape(cut.line)}</code> (line {cut.number}) for {html.escape(', '.join(names))}: "
        f"{html.escape(cut.words)}"
        for cut, names in groups.items()
    ]
    left = [name for name, kind in broken(side).items() if name not in cuts and kind is not Kind.RAISES]
    if left:
        parts.append(f"the doctor found no line for {html.escape(', '.join(left))}")
    return "<br>".join(parts)


def no_cut_html(error: BaseException) -> str:
    """The same place when the doctor failed: in words, and the panel goes on."""
    return f"the doctor could not look: {html.escape(sentence(error))}"


def looking_html() -> str:
    """The same place while the doctor looks."""
    return "the doctor is looking for the line …"


def error_html(heading: str, error: BaseException) -> str:
    """An exception: its message and the line it came from in sight, its traceback folded."""
    trace = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    line = place(error)
    where = f"<br>raised by the line <code>{html.escape(line)}</code>" if line else ""
    return (
        '<div role="alert" style="border:2px solid #b00020;padding:6px 10px;margin:4px 0">'
        f"<b>! {html.escape(heading)}</b><br>{html.escape(sentence(error))}{where}"
        f'<details><summary>Traceback</summary><pre tabindex="0" style="{_MONO};overflow-x:auto">'
        f"{html.escape(plain(trace))}</pre></details></div>"
    )
