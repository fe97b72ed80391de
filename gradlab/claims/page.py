"""The truth table for readers: Markdown from the JSON table, and the short form for a terminal. Nothing is added to it.

- `page`: the whole table as a Markdown document.
- `summary`: a line for each claim.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gradlab.claims.sources import DOCUMENTS
from gradlab.claims.table import KERAS
from gradlab.lab.markdown import as_markdown
from gradlab.lab.reading import MEASURED, Kind
from gradlab.lab.verdict import in_words

_NAME = {"3": "Keras 3", "2": "legacy Keras"}

_INTRODUCTION = """\
# Popular claims about gradients in TensorFlow, measured

{note}

Learners who ask why a gradient is missing find answers like those below. Each claim was turned into a program with one
switch. The program ran at both positions of the switch, and the verdict follows from what came out: **confirmed** if
everything that the claim predicts was measured, **refuted** if nothing of it was, **half true** if some of it was, or
if it holds in one of the runs that decide and not in another.

What is said of a gradient, each a different thing:

{kinds}

A number is the largest magnitude in a gradient, to two digits.
"""


def page(table: Mapping[str, Any]) -> str:
    """The table as a Markdown document."""
    made = "; ".join(", ".join(f"{n} {v}" for n, v in table["versions"][k].items()) for k in KERAS)
    note = f"Made by the command `{table['made by']}`, which ran every program below anew ({made}; CPU). Do not edit."
    kinds = "\n".join(f"- {kind.mark} **{kind.value}**: {kind.word}" for kind in MEASURED)
    parts = [_INTRODUCTION.format(note=note, kinds=kinds), "## All claims at a glance\n", _glance(table)]
    shown: set[str] = set()
    for theme in dict.fromkeys(c["theme"] for c in table["claims"]):
        parts.append(f"\n## {theme}\n")
        for claim in table["claims"]:
            if claim["theme"] == theme:
                parts.append(_claim(claim, table["scenarios"], shown))
    parts.append("\n## The documents\n")
    parts += [f"- {name}: {title}" for name, title in DOCUMENTS.items()]
    return "\n".join(parts) + "\n"


def summary(table: Mapping[str, Any]) -> str:
    """One line a claim: id, verdict on Keras 3, verdict on legacy Keras, the claim."""
    lines = [f"{'id':4}{_NAME['3']:14}{_NAME['2']:14}claim"]
    for c in table["claims"]:
        three, two = (c["verdict"].get(k, "not measured") for k in KERAS)
        lines.append(f"{c['id']:4}{three:14}{two:14}{c['claim']}")
    return "\n".join(lines)


def _glance(table: Mapping[str, Any]) -> str:
    lines = ["| id | claim | Keras 3 | legacy Keras | source |", "| --- | --- | --- | --- | --- |"]
    for c in table["claims"]:
        three, two = (c["verdict"].get(k, "not measured") for k in KERAS)
        lines.append(
            f"| [{c['id']}](#{c['id'].lower()}) | {_cell(as_markdown(c['claim']))} | {three} | {two} | {_source(c)} |"
        )
    return "\n".join(lines)


def _claim(claim: Mapping[str, Any], scenarios: Mapping[str, Any], shown: set[str]) -> str:
    """A claim with all its programs; a program that an earlier claim has shown is only named."""
    parts = [
        f"### {claim['id']}\n",
        f"*{as_markdown(claim['claim'])}* ({_source(claim)})\n",
        _verdict(claim["verdict"]),
    ]
    for name in sorted(claim["scenarios"], key=lambda n: n not in claim["decided by"]):
        role = "decides" if name in claim["decided by"] else "shows what happens nearby"
        if name in shown:
            parts.append(f"- `{name}` {role}; its figures stand above.\n")
        else:
            parts.append(_scenario(name, scenarios[name], role))
        shown.add(name)
    return "\n".join(parts)


def _source(claim: Mapping[str, Any]) -> str:
    return f"[{claim['source']}](#the-documents)" if claim["source"] in DOCUMENTS else str(claim["source"])


def _verdict(verdict: Mapping[str, str]) -> str:
    if not verdict:
        return "No verdict: no program puts this claim to the test yet.\n"
    if verdict["3"] == verdict["2"]:
        return f"**{verdict['3'].capitalize()}**, on Keras 3 and on legacy Keras.\n"
    return f"**{verdict['3'].capitalize()}** on Keras 3, **{verdict['2']}** on legacy Keras.\n"


def _scenario(name: str, scenario: Mapping[str, Any], role: str) -> str:
    parts = [f"#### {as_markdown(scenario['title'])} (`{name}`)\n"]
    parts.append(f"This run {role}. It tests: *{as_markdown(scenario['claim'])}*\n")
    parts.append(
        f"- Switch off: {as_markdown(scenario['switch'][0])}\n- Switch on: {as_markdown(scenario['switch'][1])}"
    )
    parts += [f"- {line}" for line in _predicted(scenario)]
    parts += [f"- {_NAME[k]} raised `{_tidy(scenario[k]['on']['error'])}`" for k in KERAS if scenario[k]["on"]["error"]]
    return "\n".join(parts) + "\n\n" + _figures(scenario) + "\n"


def _predicted(scenario: Mapping[str, Any]) -> list[str]:
    """What the claim predicts for the switch on, and the verdict, once if both Keras versions agree."""
    lines = []
    for k in KERAS:
        said = in_words({source: Kind(kind) for source, kind in scenario[k]["predicts"].items()})
        lines.append(f"predicted {said}: **{scenario[k]['verdict']}**")
    if lines[0] == lines[1]:
        return [lines[0][0].upper() + lines[0][1:]]
    return [f"{_NAME[k]}: {line}" for k, line in zip(KERAS, lines, strict=True)]


def _figures(scenario: Mapping[str, Any]) -> str:
    """The readings. One pair of columns if the two Keras versions measured the same, otherwise two pairs."""
    sides = {k: (scenario[k]["off"], scenario[k]["on"]) for k in KERAS}
    sources = list(dict.fromkeys(name for k in KERAS for side in sides[k] for name in side["readings"]))
    rows = {k: [[_reading(side["readings"].get(name)) for side in sides[k]] for name in sources] for k in KERAS}
    same = rows["3"] == rows["2"]
    columns = [("off", "on")] if same else [(f"{_NAME[k]}, off", f"{_NAME[k]}, on") for k in KERAS]
    head = ["gradient of", *(title for pair in columns for title in pair)]
    lines = [_row(head), _row(["---"] * len(head))]
    for i, name in enumerate(sources):
        lines.append(_row([name, *rows["3"][i], *([] if same else rows["2"][i])]))
    return "\n".join(lines)


def _reading(reading: Mapping[str, Any] | None) -> str:
    if reading is None:
        return "not measured"
    kind = Kind(reading["kind"])
    number = f", {reading['largest']:.2g}" if kind in (Kind.OK, Kind.WRONG) and reading["largest"] is not None else ""
    return f"{kind.mark} {kind.value}{number}"


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(map(_cell, cells)) + " |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _tidy(error: str) -> str:
    return " ".join(error.replace("`", "'").split())
