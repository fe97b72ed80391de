"""Hold a popular claim against what was measured. No TensorFlow: only readings are compared.

- `judge`: what the claim predicts, what the run gave -> confirmed, refuted or half true.
- `changed`: which sources the switch turned into something other than "ok".
"""

from __future__ import annotations

from collections.abc import Mapping

from gradlab.lab.reading import Kind, Side

CONFIRMED, REFUTED, HALF_TRUE = "confirmed", "refuted", "half true"


def judge(predicted: Mapping[str, Kind], side: Side) -> str:
    """The verdict on a claim that predicts a Kind for some sources, from one measured side.

    Every prediction holds: confirmed. None holds: refuted. Some do: half true.
    """
    if not predicted:
        raise ValueError(
            "A claim that predicts nothing can't be judged: give at least one source and the Kind it gets."
        )
    found = side.kinds
    unknown = [name for name in predicted if name not in found]
    if unknown:
        raise LookupError(f"The claim speaks of {_list(unknown)}, but the run measured only {_list(list(found))}.")
    hits = sum(found[name] is kind for name, kind in predicted.items())
    return CONFIRMED if hits == len(predicted) else HALF_TRUE if hits else REFUTED


def changed(side: Side) -> dict[str, Kind]:
    """The sources that did not come out as OK, with what they came out as."""
    return {name: kind for name, kind in side.kinds.items() if kind is not Kind.OK}


def in_words(kinds: Mapping[str, Kind]) -> str:
    """{"kernel": NONE, "bias": NONE, "x": OK} -> "none for kernel, bias; ok for x"."""
    groups: dict[Kind, list[str]] = {}
    for name, kind in kinds.items():
        groups.setdefault(kind, []).append(name)
    return "; ".join(f"{kind} for {', '.join(names)}" for kind, names in groups.items())


def _list(names: list[str]) -> str:
    return ", ".join(f"`{n}`" for n in names) or "nothing"
