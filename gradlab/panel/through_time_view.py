"""The interactive picture of `gradlab.through_time`: all data in one trait, all switching in the browser."""

from __future__ import annotations

import base64
import io
import json
import struct
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anywidget
import numpy as np
import traitlets

from gradlab.bptt.scenes import scenes
from gradlab.panel.assemble import alone
from gradlab.panel.view import colour_bytes, with_picture

if TYPE_CHECKING:
    from gradlab.bptt.result import ThroughTime

SCRIPT = alone(Path(__file__).with_name("through_time.js"))
SAMPLES = 16  # beside the mean
CELLS = 1_000_000  # of one message, 4 MB: more samples than fit are left out


class ThroughTimeWidget(anywidget.AnyWidget):
    """Draws what `pack` packs."""

    _esm = SCRIPT
    data = traitlets.Bytes(b"").tag(sync=True)

    def __init__(self, found: ThroughTime) -> None:
        super().__init__(data=pack(found))
        self.found = found

    def _repr_mimebundle_(self, **keywords: Any) -> Any:
        """The live widget, and beside it a static picture and a text for where no kernel or script runs."""
        return with_picture(super()._repr_mimebundle_(**keywords), repr(self.found), png(self.found))


def png(found: ThroughTime) -> bytes:
    """The static picture."""
    out = io.BytesIO()
    found.figure().savefig(out, format="png", dpi=100)
    return out.getvalue()


def pack(found: ThroughTime) -> bytes:
    """A length, a JSON description, 256 colours, then the scenes' values as float32, one after the other."""
    made = scenes(found.layers, SAMPLES)
    if sum(s.values.size for row in made for s in row) > CELLS:
        one = sum(s.values[:1].size for row in made for s in row)
        made = scenes(found.layers, max(1, min(SAMPLES, CELLS // max(one, 1) - 1)))
    parts, at, layers = [], 0, []
    for layer, row in zip(found.layers, made, strict=True):
        described = []
        for scene in row:
            described.append(
                {
                    "key": scene.key,
                    "title": scene.title,
                    "rows": scene.rows,
                    "columns": scene.columns,
                    "rowWord": scene.row_word,
                    "columnWord": scene.column_word,
                    "curve": scene.curve,
                    "mark": scene.mark,
                    "limits": list(scene.limits),
                    "samples": len(scene.values) - 1,
                    "at": at,
                }
            )
            parts.append(np.ascontiguousarray(scene.values, "<f4").tobytes())
            at += scene.values.size
        layers.append(
            {
                "name": layer.name,
                "kind": layer.kind,
                "sentence": layer.sentence,
                "samples": layer.samples,
                "scenes": described,
                "refused": layer.refused,
                "backwards": layer.backwards,
            }
        )
    head = {"of": f"{found.of}: {found.value:.6g}", "notes": found.notes, "layers": layers}
    text = json.dumps(head).encode()
    text += b" " * (-len(text) % 4)  # so that the numbers begin at a multiple of four bytes
    return struct.pack("<I", len(text)) + text + colour_bytes()[:768] + b"".join(parts)  # viridis alone


def page(found: ThroughTime) -> str:
    """One HTML file that needs no network: the same script, the data inside, the static picture where scripts are off."""
    script = base64.b64encode(SCRIPT.encode()).decode()
    data = base64.b64encode(pack(found)).decode()
    picture = base64.b64encode(png(found)).decode()
    alt = escape(found.alt_text(), quote=True)
    start = (
        f'import("data:text/javascript;base64,{script}").then(({{ default: view }}) => {{'
        f'const bytes = Uint8Array.from(atob("{data}"), (c) => c.charCodeAt(0));'
        "view.render({ model: { get: () => new DataView(bytes.buffer), on() {}, off() {} }, "
        'el: document.getElementById("picture") }); });'
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>gradlab.through_time</title>'
        "<style>body{font-family:system-ui,sans-serif}</style></head><body>"
        f'<h1>Through time</h1><div id="picture"></div><noscript><img alt="{alt}" src="data:image/png;base64,{picture}">'
        f'</noscript><pre>{escape(repr(found))}</pre><script type="module">{start}</script></body></html>\n'
    )
