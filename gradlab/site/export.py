"""One panel as one HTML file that needs nothing else: for slides, blogs and learning platforms."""

from __future__ import annotations

import base64
from collections.abc import Callable
from html import escape
from pathlib import Path

from gradlab.authoring.notebooks import write_whole
from gradlab.site import bundle, farm
from gradlab.site.grid import MOST
from gradlab.site.lessons import place
from gradlab.site.pictures import webp
from gradlab.site.plan import Plan, chunks, plans

LIMIT = 1_000_000  # bytes: what mail and learning platforms take without asking


def export(name: str, file: Path, cache: Path, most: int = MOST, say: Callable[[str], None] = print) -> Plan:
    """Write the panel with its positions to `file`; the plan says which they are.

    A file over one megabyte is made again from fewer positions. Raises LookupError for an unknown panel, `farm.Failed`
    for one that can't be measured, OSError where the file can't be written, and then leaves it as it was.
    """
    write_whole(file.with_name(f".{file.name}.tried"), "")
    file.with_name(f".{file.name}.tried").unlink()
    while True:
        wanted = chunks([name], cache, most)
        farm.compute(wanted, 1, say)
        (plan,) = plans(wanted)
        text = page(plan)
        size = len(text.encode())
        if size <= LIMIT or plan.count <= 2:
            break
        most = plan.count * LIMIT // size * 9 // 10
        say(f"{plan.count} positions make {size:,} bytes, more than {LIMIT:,}: trying at most {most} positions")
    write_whole(file, text)
    return plan


def page(plan: Plan) -> str:
    """The HTML of one panel."""
    packed, picture = plan.packed()
    return page_of(
        plan.name, bundle.data(plan.name, packed), webp(base64.b64decode(picture["png"]), plan.name), picture["words"]
    )


def page_of(name: str, data: str, picture: bytes, words: str) -> str:
    """The same of its parts: the classic script with its data, its static picture as WebP, and the words of that."""
    image = f"data:image/webp;base64,{base64.b64encode(picture).decode()}"
    body = place(name, words).replace(f'src="_static/panels/{name}.webp"', f'src="{image}"')
    # `</` ends a script wherever it stands, also inside of a string, and behind `<!--` it may not; packed data may hold the latter.
    scripts = [text.replace("</", "<\\/").replace("<!--", "<\\!--") for text in (data, bundle.script())]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>gradlab: {escape(name)}</title>\n<style>{bundle.style()}\n"
        "body { margin: 8px; font-family: system-ui, sans-serif; background: #fff; color: #1b1f24; }\n"
        "@media (prefers-color-scheme: dark) { body { background: #0d1117; color: #e6edf3; } }</style></head>\n"
        f"<body><main>{body}</main>\n"
        + "\n".join(f"<script>{text}</script>" for text in scripts)
        + "\n</body></html>\n"
    )
