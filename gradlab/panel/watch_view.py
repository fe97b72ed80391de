"""The live picture of `gradlab.Watch` in a notebook: one widget, one Bytes trait, at most four messages a second.

While `fit` runs the kernel's main thread is busy, but what it sends reaches the page at once: the socket hands messages
to a thread of its own. What the reader does (fold, switch, read values) happens in the browser alone.
"""

from __future__ import annotations

import json
import struct
import time
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import traitlets

from gradlab.panel.assemble import alone
from gradlab.panel.view import colour_bytes, with_picture
from gradlab.watch.figure import WHAT, alt_text
from gradlab.watch.page import png
from gradlab.watch.record import Record
from gradlab.watch.scale import limits
from gradlab.watch.text import summary
from gradlab.watch.variables_text import layer_of
from gradlab.watch.views import View

SECONDS = 0.25  # between two messages
CELLS = 40_000  # of one message: 320 kB with both views, 1.3 MB a second at most
COLUMNS = 300


class WatchWidget(anywidget.AnyWidget):
    """Draws what `pack` packs."""

    _esm = alone(Path(__file__).with_name("watch.js"))
    data = traitlets.Bytes(b"").tag(sync=True)

    def __init__(self) -> None:
        super().__init__()
        self.record = Record()

    def _repr_mimebundle_(self, **keywords: Any) -> Any:
        """The live widget, and beside it a static picture and a text for where no kernel or script runs."""
        picture = png(self.record) if self.record.columns else None
        return with_picture(super()._repr_mimebundle_(**keywords), alt_text(self.record), picture)


class WidgetView(View):
    """Shows the widget when training begins and feeds it."""

    def __init__(self) -> None:
        self.widget = WatchWidget()
        self.shown: Any = None
        self.sent = 0.0

    def begin(self, record: Record) -> None:
        from IPython.display import display

        self.widget.record = record
        if self.shown is None:
            self.shown = display(self.widget, display_id=True)

    def show(self, record: Record, epoch_ended: bool = False) -> None:
        if time.monotonic() - self.sent >= SECONDS:
            self.sent = time.monotonic()
            self.widget.data = pack(record)

    def end(self, record: Record) -> None:
        self.widget.data = pack(record)
        if self.shown is not None:
            self.shown.update(self.widget)  # so that the saved notebook holds the last static picture


def pack(record: Record) -> bytes:
    """A length, a JSON description, the colours, then float32: losses, norms and ratios, row by row."""
    columns = min(COLUMNS, max(20, CELLS // max(1, len(record.names))))
    thin = max(1, -(-len(record.columns) // columns))
    kept = slice(None, None, thin)
    head = {
        "names": record.names,
        "layers": [layer_of(n) for n in record.names],
        "steps": [c.step for c in record.columns[kept]],
        "summary": summary(record),
        "loss": record.loss_word,
        "alarms": [{"step": a.step, "lines": a.lines(), "reason": a.reason} for a in record.alarms],
        "views": [{"name": what, "word": WHAT[what], "limits": limits(what)} for what in ("norm", "ratio")],
    }
    text = json.dumps(head).encode()
    text += b" " * (-len(text) % 4)  # so that the numbers begin at a multiple of four bytes
    numbers = [record.losses[kept], record.matrix("norm")[:, kept], record.matrix("ratio")[:, kept]]
    floats = b"".join(np.ascontiguousarray(n, "<f4").tobytes() for n in numbers)
    return struct.pack("<I", len(text)) + text + colour_bytes()[:768] + floats  # viridis alone
