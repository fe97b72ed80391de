"""The files that the panels of a site need, beside what Sphinx writes: one classic script, one style sheet, data.

From a disk a browser refuses modules and `fetch`. So the panel's ES modules, the same that a notebook loads, are put into
one classic script, and each panel's data is a classic script of its own.

- `script`: the panel's module and the site's own around it; `style`: both style sheets; `data`: a panel's data.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path

from gradlab.panel.assemble import module
from gradlab.panel.assemble import style as panel_style

FOLDER = Path(__file__).with_name("js")
_DEFAULT = "export default "


def script(after: str = "") -> str:
    """The text of the classic script. `after` is JavaScript that runs once the panels are started."""
    parts = [("panel", module()), ("site", module("site", FOLDER))]
    return "\n".join(
        [
            '"use strict";',
            "(() => {",
            *(f"const {name} = (() => {{\n{_classic(text)}\n}})();" for name, text in parts),
            "const base = document.currentScript && document.currentScript.src"
            ' ? document.currentScript.src.replace(/[^/]*$/, "") : "";',
            f'const colours = "{_colours()}";',
            "const start = () => { window.gradlabHosts = site.render({ render: panel.render, colours, base });"
            f" {after} }};",
            'if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start); else start();',
            "})();\n",
        ]
    )


def style() -> str:
    """The text of the style sheet."""
    return panel_style() + Path(__file__).with_name("site.css").read_text(encoding="utf-8")


def data(name: str, packed: str) -> str:
    """The classic script that brings the data of one panel."""
    return f"(window.gradlabData ??= {{}})[{json.dumps(name)}] = {json.dumps(packed)};\n"


def _classic(text: str) -> str:
    """An assembled module as the body of a function that returns what the module exports."""
    if text.count(_DEFAULT) != 1:
        raise ValueError(f"an assembled module has `{_DEFAULT.strip()}` {text.count(_DEFAULT)} times; expected once")
    return text.replace(_DEFAULT, "return ")


def _colours() -> str:
    from gradlab.panel.view import colour_bytes

    return base64.b64encode(colour_bytes()).decode("ascii")
