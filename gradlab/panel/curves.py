"""The result of training at both positions as HTML: two loss curves (inline SVG) and a table of how far weights moved."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from gradlab.lab.training import History  # which imports TensorFlow; this module must not

_WIDTH, _HEIGHT = 360, 120
_DASHES = ("", "7 4")


def training_html(positions: Sequence[str], histories: Sequence[History]) -> str:
    """Curves are told apart by dashes and by a label at their end, not by colour."""
    names = list(dict.fromkeys(n for h in histories for n in h.moved))
    head = "".join(f'<th scope="col" style="text-align:left;padding:0 10px">{html.escape(p)}</th>' for p in positions)
    rows = [("loss, first → last", [f"{h.losses[0]:.3g} → {h.losses[-1]:.3g}" for h in histories])]
    rows += [(f"{n} moved", [_distance(h, n) for h in histories]) for n in names]
    body = "".join(
        f'<tr><th scope="row" style="text-align:left">{html.escape(name)}</th>'
        + "".join(f'<td style="text-align:left;padding:0 10px">{cell}</td>' for cell in cells)
        + "</tr>"
        for name, cells in rows
    )
    steps = len(histories[0].losses) - 1
    return (
        f"{_svg(positions, histories)}<table><caption style='text-align:left'>After {steps} steps</caption>"
        f"<thead><tr><td></td>{head}</tr></thead><tbody>{body}</tbody></table>"
    )


def _distance(history: History, name: str) -> str:
    return f"{history.moved[name]:.2g}" if name in history.moved else "not at all: not in the list"


def _svg(positions: Sequence[str], histories: Sequence[History]) -> str:
    losses = [np.asarray(h.losses) for h in histories]
    flat = np.concatenate(losses)
    flat = flat[np.isfinite(flat)]
    low, high = (float(flat.min()), float(flat.max())) if flat.size else (0.0, 1.0)
    room = (high - low) or 1.0
    lines = []
    for loss, dash, position in zip(losses, _DASHES, positions, strict=True):
        points = [
            (10 + i * (_WIDTH - 170) / max(len(loss) - 1, 1), 10 + (high - y) / room * (_HEIGHT - 20))
            for i, y in enumerate(loss)
            if np.isfinite(y)
        ]
        if not points:
            continue
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        x, y = points[-1]
        label = html.escape(position if len(position) < 28 else position[:27] + "…")
        lines.append(
            f'<polyline points="{path}" fill="none" stroke="currentColor" stroke-width="2" stroke-dasharray="{dash}"/>'
            f'<text x="{x + 5:.1f}" y="{y + (4 if dash == "" else 14):.1f}" font-size="10" fill="currentColor">'
            f"{label}</text>"
        )
    words = "; ".join(
        f"{p}: {h.losses[0]:.3g} to {h.losses[-1]:.3g}" for p, h in zip(positions, histories, strict=True)
    )
    return (
        f'<svg role="img" aria-label="Loss while training. {html.escape(words)}" width="{_WIDTH}" height="{_HEIGHT}" '
        f'viewBox="0 0 {_WIDTH} {_HEIGHT}">{"".join(lines)}</svg>'
    )
