"""Training at both positions as the data that the page draws: curves, and how far each weight had moved at each step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gradlab.lab.training import History  # which imports TensorFlow; this module must not


APART = 0.01  # of the loss: two curves that are nearer to each other are one line on the page


def trained(histories: Sequence[History]) -> dict[str, Any]:
    """{steps, losses: a curve a position (None where not finite), weights: [{name, moved: a curve a position, words}],
    level: the loss that only the first position comes down to, or None, verdict: the two curves in words}."""
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
        **_reached(histories),
    }


def _reached(histories: Sequence[History]) -> dict[str, Any]:
    """What the two curves say of each other."""
    off, on = ([loss for loss in h.losses if math.isfinite(loss)] for h in histories)
    never = [name for name, distance in histories[1].moved.items() if not distance]
    if not off or not on or len(on) < len(histories[1].losses):
        return {"level": None, "verdict": "a loss is not finite; from there on nothing is learned"}
    if abs(off[0] - on[0]) > APART * abs(off[0]):
        return {
            "level": None,
            "verdict": "the two losses are not the same one: they differ before the first step, so compare how far each weight moved",
        }
    lowest = min(off[-1], off[0])
    if min(on) - lowest > APART * abs(min(on)):
        return {"level": lowest, "verdict": f"no step with the switch on comes down to {lowest:.3g}"}
    if never:
        return {
            "level": None,
            "verdict": f"both come down alike, though with the switch on {', '.join(never)} never moved: the other weights make up for it",
        }
    return {"level": None, "verdict": "both come down alike"}


def _distance(history: History, name: str) -> str:
    if name not in history.moved:
        return "never moved: not in the list"
    distance = history.moved[name]
    return f"moved {distance:.2g}" if distance else "never moved"
