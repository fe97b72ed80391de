"""A record as HTML that needs no network: pictures inside, alarms in words, and the last numbers as a table."""

from __future__ import annotations

import base64
import io
from html import escape

from gradlab.watch.columns import kind
from gradlab.watch.figure import WHAT, alt_text, figure
from gradlab.watch.record import Record
from gradlab.watch.text import summary

STYLE = """body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;color:#111;background:#fff}
img{max-width:100%;background:#fff}table{border-collapse:collapse}th,td{border:1px solid #888;padding:2px 8px;text-align:left}
.alarm{border-left:4px solid #b00020;padding:.2rem .8rem;margin:.6rem 0}pre{overflow:auto;white-space:pre-wrap}
@media(prefers-color-scheme:dark){body{color:#eee;background:#161616}}"""


def png(record: Record, what: str = "norm") -> bytes:
    """The static picture."""
    out = io.BytesIO()
    figure(record, what).savefig(out, format="png", dpi=110)
    return out.getvalue()


def body(record: Record, pictures: tuple[str, ...] = ("norm", "ratio")) -> str:
    """What stands between <body> and </body>."""
    parts = [f"<p>{escape(summary(record))}</p>"]
    for alarm in record.alarms:
        first, *rest = alarm.lines()
        more = f"<pre>{escape(chr(10).join(rest))}</pre>" if rest else ""
        parts.append(f'<div class="alarm"><b>{escape(first)}</b><br>{escape(alarm.reason)}{more}</div>')
    for what in pictures:
        source = base64.b64encode(png(record, what)).decode()
        alt = escape(alt_text(record, what), quote=True)
        parts.append(
            f'<figure><img alt="{alt}" src="data:image/png;base64,{source}"><figcaption>{escape(WHAT[what])}</figcaption></figure>'
        )
    parts.append(_table(record))
    return "\n".join(parts)


def page(record: Record) -> str:
    """A whole document."""
    return document([record])


def document(records: list[Record]) -> str:
    """A whole document of several trainings."""
    title = "gradlab.Watch"
    head = f'<meta charset="utf-8"><title>{title}</title><style>{STYLE}</style>'
    parts = [body(record) for record in records]
    if len(parts) > 1:
        parts = [f"<h2>Training {n} of {len(parts)}</h2>{part}" for n, part in enumerate(parts, 1)]
    return f'<!doctype html><html lang="en"><head>{head}</head><body><h1>{title}</h1>{"".join(parts)}</body></html>\n'


def _table(record: Record) -> str:
    if not record.columns:
        return ""
    last = record.columns[-1]
    head = "".join(f'<th scope="col">{t}</th>' for t in ("variable", "|gradient|", "as applied", "update / weight"))
    rows = []
    for i, name in enumerate(record.names):
        cells = "".join(
            f"<td>{_words(float(a[i])) if i < len(a) else 'not passed'}</td>"
            for a in (last.norm, last.applied, last.ratio)
        )
        rows.append(f'<tr><th scope="row">{escape(name)}</th>{cells}</tr>')
    return f"<table><caption>Step {last.step}</caption><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _words(value: float) -> str:
    words = {"none": "None", "unseen": "not passed", "zero": "exactly 0", "not finite": "not a finite number"}
    found = kind(value)
    return words.get(found, f"{value:.3e}")
