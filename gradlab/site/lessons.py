"""The executed notebooks as Sphinx gets them: panels live, pictures with their words, the rest as it is.

- `lesson`: one notebook -> its JSON, and the pictures that it shows.
- `panels_of`: the names of the panels that a notebook shows.
- `with_what_was_told`: a learner's notebook with what its cells tagged `after` gave.
- `answers_of`: the answers that it lets a learner try.
- `place`: the HTML in which a panel is drawn.
"""

from __future__ import annotations

import ast
import base64
import json
import re
from collections.abc import Mapping, Sequence
from html import escape, unescape
from pathlib import Path
from typing import Any

from gradlab.site.answers import asked
from gradlab.site.compute import INFLUENCE
from gradlab.site.pictures import webp

PACKAGE = Path(__file__).parents[1]
_PANEL = re.compile(r"(?:Panel\((\w+), bug=(True|False)\)|(InfluencePanel)\((.*)\))")
# What `gradlab.Votes` writes for each of its claims.
_CLAIM = re.compile(r'<details data-claim="(\w+)"><summary>(.*?)</summary>.*?</details>', re.DOTALL)
_RUN = re.compile(r"[^\n]*Shift\+Enter.*?(?:\n\s*\n|\Z)", re.DOTALL)  # the paragraph on how to run a notebook's cells
_KEYWORDS = ("bug", "device", "predict", "scenario")

NOTE = """\
:::{{note}}
{panels}The code cells show what they printed when the page was made. What would answer a question is folded, and so are the solutions of the exercises.
To run and change the cells, and for the exercises, open the notebook in [JupyterLab](../docs/install.md).
:::
"""
PANELS = "Every panel on this page works: switch, knobs, heatmaps, words. "
BALLOT = (
    "On this page there are no buttons to vote. Read a sentence, decide whether it is so, then unfold it: its panel asks for a prediction, "
    "and the switch shows what was measured. The verdict of a panel is about the claim that stands in the panel."
)
DARK_SCREEN = "@media (prefers-color-scheme: dark) {"
SHOWN = {
    "code_prompt_show": "Show what was measured, after you have decided",
    "code_prompt_hide": "Hide what was measured",
}
DONE = """\
```{raw} html
<div class="gradlab-progress"><label><input type="checkbox" id="gradlab-done" disabled autocomplete="off">
I have worked through this page. The mark is kept in this browser only.</label></div>
```
"""


def lesson(
    name: str, notebook: Mapping[str, Any], tried: Mapping[tuple[str, str], str] | None = None
) -> tuple[str, dict[str, bytes]]:
    """(the notebook's JSON, {file name: PNG} of pictures that are no panels). `name` is the stem of its file.

    `tried` has the HTML of answers that were run, by what `answers.asked` says of a cell.
    """
    pictures: dict[str, bytes] = {}
    cells = []
    asks = False  # whether the text before a cell asks for a prediction
    for number, cell in enumerate(_set_up_folded(notebook["cells"])):
        cell = dict(cell)
        if cell["cell_type"] == "code":
            if asks or tells(cell):
                cell = _told_folded(cell)
            asks = asks and not cell["outputs"]  # a cell with the learner's own answer comes first
            cell["outputs"] = [_output(o, _text(cell["source"]), f"{name}-{number:02d}", pictures, tried or {}) for o in cell["outputs"]]  # fmt: skip
        elif number == 0:  # nothing runs here
            cell["source"] = _RUN.sub("", _text(cell["source"]))
        if cell["cell_type"] == "markdown":
            asks = "**Predict" in _text(cell["source"]).rpartition("\n\n")[2]
        cells.append(cell)
    said = NOTE.format(panels=PANELS if panels_of(notebook) else "")
    note, done = ({"cell_type": "markdown", "id": i, "metadata": {}, "source": s} for i, s in (("note", said), ("done", DONE)))  # fmt: skip
    return json.dumps({**notebook, "cells": [cells[0], note, *cells[1:], done]}, indent=1, ensure_ascii=False), pictures


def _told_folded(cell: Mapping[str, Any]) -> dict[str, Any]:
    """The cell with its outputs folded, unless they fold themselves (`gradlab.folded`); a bar of progress tells nothing any more."""
    outputs = [o for o in cell["outputs"] if not _text(o.get("data", {}).get("text/plain", "")).startswith("Progress(")]
    folded = all(_text(o.get("data", {}).get("text/html", "")).startswith("<details>") for o in outputs)
    if folded or any(_PANEL.match(_text(o.get("data", {}).get("text/plain", ""))) for o in outputs):
        return {**cell, "outputs": outputs}
    tags = [*cell["metadata"].get("tags", []), "hide-output"]
    return {**cell, "outputs": outputs, "metadata": {**cell["metadata"], "tags": tags, "mystnb": SHOWN}}


def with_what_was_told(notebook: Mapping[str, Any], whole: Mapping[str, Any]) -> dict[str, Any]:
    """A learner's notebook with the outputs that its cells tagged `after` have in the whole one: a site can't run them.

    Raises LookupError for a cell that the whole notebook does not have.
    """
    told = {cell["id"]: cell for cell in whole["cells"]}
    cells = [{**cell, "outputs": told[cell["id"]]["outputs"]} if tells(cell) else cell for cell in notebook["cells"]]
    return {**notebook, "cells": cells}


def tells(cell: Mapping[str, Any]) -> bool:
    """Whether a cell tells what a switch did; a learner's notebook has no output of it."""
    return cell["cell_type"] == "code" and "after" in cell.get("metadata", {}).get("tags", [])


def _set_up_folded(cells: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The cells, with the one of parameters and the one that starts TensorFlow as one that is folded away."""
    found: list[Mapping[str, Any]] = []
    for cell in cells:
        if "parameters" in cell.get("metadata", {}).get("tags", []):
            shown = {"code_prompt_show": "Show how the notebook begins", "code_prompt_hide": "Hide it"}
            metadata = {**cell["metadata"], "tags": [*cell["metadata"]["tags"], "hide-cell"], "mystnb": shown}
            found.append({**cell, "metadata": metadata})
        elif found and "mystnb" in found[-1]["metadata"] and "gradlab.start(" in _text(cell["source"]):
            both = f"{_text(found[-1]['source'])}\n\n{_text(cell['source'])}"
            found[-1] = {**found[-1], "source": both, "outputs": cell["outputs"]}
        else:
            found.append(cell)
    return found


def panels_of(notebook: Mapping[str, Any]) -> list[str]:
    """The names of the panels that a notebook shows, in order."""
    found = []
    for output in (o for cell in notebook["cells"] if cell["cell_type"] == "code" for o in cell["outputs"]):
        data = output.get("data", {})
        match = _PANEL.match(_text(data.get("text/plain", "")))
        found += [match[1] or INFLUENCE] if match else []
        found += [claim[0] for claim in _CLAIM.findall(_text(data.get("text/html", "")))]
    return list(dict.fromkeys(found))


def place(
    name: str,
    words: str,
    up: str = "",
    bug: bool = False,
    predict: bool = False,
    knobs: Mapping[str, Any] | None = None,
) -> str:
    """The element in which a panel is drawn. Until then, and without JavaScript, the static picture and its words.

    `up` leads from the page to the top of the site: "" or "../".
    """
    return (
        f'<div data-panel="{escape(name)}" data-bug="{int(bug)}" data-predict="{int(predict)}" '
        f'data-knobs="{escape(json.dumps(dict(knobs or {})))}">'
        f'<img src="{up}_static/panels/{escape(name)}.webp" loading="lazy" alt="{escape(" ".join(words.split()))}">'
        f"<details><summary>The same in words</summary><pre>{escape(words)}</pre></details></div>"
    )


def answers_of(notebook: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What `answers.asked` finds in the cells of a notebook."""
    found = (asked(_text(cell["source"])) for cell in notebook["cells"] if cell["cell_type"] == "code")
    return [one for one in found if one]


def _output(*given: Any) -> Mapping[str, Any]:
    """An output as the site shows it. What follows the screen in a notebook follows the theme that a reader chose here."""
    made = _shown(*given)
    html = _text(made.get("data", {}).get("text/html", ""))
    return {**made, "data": {**made["data"], "text/html": themed(html)}} if DARK_SCREEN in html else made


def themed(html: str) -> str:
    """HTML whose style sheet asks for a dark screen, with one that asks for the site's dark theme."""
    return html.replace(DARK_SCREEN, "html[data-theme=dark] {")


def _shown(
    output: Mapping[str, Any],
    source: str,
    name: str,
    pictures: dict[str, bytes],
    tried: Mapping[tuple[str, str], str],
) -> Mapping[str, Any]:
    data = output.get("data", {})
    words = _text(data.get("text/plain", ""))
    panel = _PANEL.match(words)
    if panel:
        # The words stand in the first line's wake; what the panel began with stands in the code.
        given = _keywords(source)
        knobs = {k: v for k, v in given.items() if k not in _KEYWORDS}
        bug = panel[2] == "True" or bool(panel[4] and not panel[4].startswith("Keras"))
        html = place(panel[1] or INFLUENCE, words.partition("\n")[2], "../", bug, given.get("predict") is True, knobs)
    elif "image/png" in data:
        pictures[f"{name}.webp"] = webp(base64.b64decode(_text(data["image/png"])), name)
        html = f'<img src="../_static/pictures/{name}.webp" loading="lazy" alt="{escape(words)}">'
    elif _CLAIM.search(_text(data.get("text/html", ""))):
        html = f"<p>{BALLOT}</p>" + _CLAIM.sub(_ballot, _text(data["text/html"]))
    elif (found := asked(source)) is not None and found in tried:
        html = tried[found]
    else:
        return output
    return {**output, "data": {"text/html": html, "text/plain": words}}


def _ballot(claim: re.Match[str]) -> str:
    """A claim to vote on, with its panel in the place of its code: the panel's question opens the switch. It loads when unfolded."""
    panel = place(claim[1], unescape(claim[2]), "../", predict=True)
    popular = literals(claim[1])[1]
    other = unescape(claim[2]) != popular
    note = (
        f"<p>A popular answer says otherwise, and the panel is about it: <i>{with_code(popular)}</i></p>"
        if other
        else ""
    )
    return f'<details class="gradlab-claim"><summary>{with_code(unescape(claim[2]))}</summary>{note}{panel}</details>'


def with_code(text: str) -> str:
    """A line of text with code in backticks as HTML."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(" ".join(text.split()), quote=False))


def literals(name: str) -> tuple[str, str]:
    """(title, claim) of a scenario, read from its file: importing it would load TensorFlow."""
    if name == INFLUENCE:
        return "How much does input s move state t?", ""
    tree = ast.parse((PACKAGE / "scenarios" / f"{name}.py").read_text(encoding="utf-8"))
    calls = (n for n in ast.walk(tree) if isinstance(n, ast.Call) and ast.unparse(n.func) == "Scenario")
    given = {k.arg: k.value for call in calls for k in call.keywords}
    return tuple(ast.literal_eval(given[key]) if key in given else name for key in ("title", "claim"))  # type: ignore[return-value]


def _keywords(source: str) -> dict[str, Any]:
    """The keywords of the panel's call that are written out; a variable says nothing here."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in ("Panel", "InfluencePanel"):
            return {k.arg: k.value.value for k in node.keywords if k.arg and isinstance(k.value, ast.Constant)}
    return {}


def _text(source: str | list[str]) -> str:
    return source if isinstance(source, str) else "".join(source)
