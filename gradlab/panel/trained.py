"""Training at both positions as the data that the page draws: curves, and how far each weight had moved at each step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gradlab.lab.training import History  # which imports TensorFlow; this module must not


def trained(histories: Sequence[History]) -> dict[str, Any]:
    """{steps, losses: a curve a position (None where not finite), weights: [{name, moved: a curve a position, words}]}."""
    names = list(dict.fromkeys(n for h in histories for n in h.moved))
    return {
        "steps": len(histories[0].losses) - 1,
        "losses": [[loss if math.isfinite(loss) else None for loss in h.losses] for h in histories],
        "weights": [
            {
                "name": name,
                "moved": [[v if math.isfinite(v) else 0.0 for v in h.path.get(name, ())] for h in histories],
                "words": [_distance(h, name) for h in histories],
            }
            for name in names
        ],
    }


def _distance(history: History, name: str) -> str:
    if name not in history.moved:
        return "never moved: not in the list"
    distance = history.moved[name]
    return f"moved {distance:.2g}" if distance else "never moved"
