"""The executed notebooks as Sphinx gets them: panels live, pictures with their words, the rest as it is.

- `lesson`: one notebook -> its JSON, and the pictures that it shows.
- `panels_of`: the names of the panels that a notebook shows.
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
from typing import Any

from gradlab.site.answers import asked
from gradlab.site.compute import INFLUENCE

_PANEL = re.compile(r"(?:Panel\((\w+), bug=(True|False)\)|(InfluencePanel)\((.*)\))")
# What `gradlab.Votes` writes for each of its claims.
_CLAIM = re.compile(r'<details data-claim="(\w+)"><summary>(.*?)</summary>.*?</details>', re.DOTALL)
_RUN = re.compile(r"[^\n]*Shift\+Enter.*?(?:\n\s*\n|\Z)", re.DOTALL)  # the paragraph on how to run a notebook's cells
_KEYWORDS = ("bug", "device", "predict", "scenario")

NOTE = """\
:::{note}
Every panel on this page works: switch, knobs, heatmaps, words. The code cells show what they printed when the page was made.
To run and change them, and for the exercises, open the notebook in [JupyterLab](../docs/install.md).
:::
"""
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
    for number, cell in enumerate(_set_up_folded(notebook["cells"])):
        cell = dict(cell)
        if cell["cell_type"] == "code":
            cell["outputs"] = [_output(o, _text(cell["source"]), f"{name}-{number:02d}", pictures, tried or {}) for o in cell["outputs"]]  # fmt: skip
        elif number == 0:  # nothing runs here
            cell["source"] = _RUN.sub("", _text(cell["source"]))
        cells.append(cell)
    note, done = ({"cell_type": "markdown", "id": i, "metadata": {}, "source": s} for i, s in (("note", NOTE), ("done", DONE)))  # fmt: skip
    return json.dumps({**notebook, "cells": [cells[0], note, *cells[1:], done]}, indent=1, ensure_ascii=False), pictures


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
        f'<img src="{up}_static/panels/{escape(name)}.png" loading="lazy" alt="{escape(" ".join(words.split()))}">'
        f"<details><summary>The same in words</summary><pre>{escape(words)}</pre></details></div>"
    )


def answers_of(notebook: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What `answers.asked` finds in the cells of a notebook."""
    found = (asked(_text(cell["source"])) for cell in notebook["cells"] if cell["cell_type"] == "code")
    return [one for one in found if one]


def _output(
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
        pictures[f"{name}.png"] = base64.b64decode(_text(data["image/png"]))
        html = f'<img src="../_static/pictures/{name}.png" loading="lazy" alt="{escape(words)}">'
    elif _CLAIM.search(_text(data.get("text/html", ""))):
        html = _CLAIM.sub(_ballot, _text(data["text/html"]))
    elif (found := asked(source)) is not None and found in tried:
        html = tried[found]
    else:
        return output
    return {**output, "data": {"text/html": html, "text/plain": words}}


def _ballot(claim: re.Match[str]) -> str:
    """A claim to vote on, with its panel in the place of its code: the panel's question opens the switch. It loads when unfolded."""
    panel = place(claim[1], unescape(claim[2]), "../", predict=True)
    return f'<details class="gradlab-claim"><summary>{claim[2]}</summary>{panel}</details>'


def _keywords(source: str) -> dict[str, Any]:
    """The keywords of the panel's call that are written out; a variable says nothing here."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in ("Panel", "InfluencePanel"):
            return {k.arg: k.value.value for k in node.keywords if k.arg and isinstance(k.value, ast.Constant)}
    return {}


def _text(source: str | list[str]) -> str:
    return source if isinstance(source, str) else "".join(source)
