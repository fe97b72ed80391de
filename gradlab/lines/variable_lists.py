"""Variables that the target depends on and that the list which was asked for lacks, with the lines that take the list.

A list that the learner wrote down is a choice. A list that was read from a layer or model (`.trainable_variables`), and
an empty one, are not: there a variable can be missing without being noticed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from gradlab.lines import hooks, statements
from gradlab.lines.doctor_parts import FLOATS, unwrap
from gradlab.lines.naming import Lookup
from gradlab.lines.recording import Ask, Recording
from gradlab.lines.values import Measured


@dataclass
class Missing:
    """One variable that a list lacks."""

    name: str
    variable: Any
    shape: tuple[int, ...]
    lines: list[tuple[str, int]] = field(default_factory=list)


def missing_variables(recording: Recording, found: Measured, sources: dict[str, Any]) -> list[Missing]:
    """The variables with a gradient that a list read from an owner lacks; for an empty list, all that have one."""
    ask, tape = found.ask, found.tape
    if ask is None or ask.own or ask.error is not None or tape is None or not found.targets:
        return []
    listed = {id(unwrap(v)) for v in sources.values()}
    places = _places(recording, ask, sources)
    if not places:
        return []
    watched = [v for v in map(unwrap, tape.mirror.watched_variables()) if v.dtype in FLOATS]
    members = set().union(*(ids for _, ids in places))
    if not any("watched_variables" in code.co_names for code, _, _ in ask.frames[:1]):
        members |= listed  # asked for beside the list; what was asked for by way of the tape is still not in the list
    candidates = [v for v in watched if id(v) not in members]
    targets = [t for t in found.targets if t.dtype in FLOATS]
    if not candidates or not targets:
        return []
    try:
        slopes = hooks.plain("gradient")(tape.mirror, targets, candidates)
    except Exception:  # the same refusal is in the notes already: `measure` asked the same tape
        return []
    lookup = Lookup(ask)
    missing: list[Missing] = []
    for v, slope in zip(candidates, slopes, strict=True):
        if slope is None or not v.trainable:
            continue
        name = _known(v, sources) or lookup.name(v) or f"variable {len(missing)}"
        if any(m.name == name for m in missing) or (id(v) not in listed and name in sources):
            name = f"{name}#{len(missing) + 2}"
        missing.append(Missing(name, v, tuple(v.shape), [at for at, _ in places]))
    return missing


def _known(variable: Any, sources: dict[str, Any]) -> str:
    return next((n for n, v in sources.items() if unwrap(v) is variable), "")


def _places(recording: Recording, ask: Ask, sources: dict[str, Any]) -> list[tuple[tuple[str, int], set[int]]]:
    """The statements around the question that read a list from an owner, each with the ids of what the list has."""
    found: list[tuple[tuple[str, int], set[int]]] = []
    for code, _, names in ask.frames:
        file = code.co_filename
        known = statements.of_file(file)
        at = known.function(code.co_name, code.co_firstlineno)
        ran = recording.tracker.ran.get(file, {})
        for statement, reads in known.lists.items():
            if not ran.get(statement) or (at is not None and not at.first <= statement <= at.last):
                continue
            for owner, attribute in reads:
                members = _members(names, owner, attribute)
                if members is not None:
                    found.append(((file, statement), members))
        if found:
            return found
    if not sources and ask.file:
        return [((ask.file, statements.of_file(ask.file).start(ask.line)), set())]
    return found


def _members(names: dict[str, Any], owner: str, attribute: str) -> set[int] | None:
    """What the list has now; None if the owner is not a layer, model or module that these names can reach."""
    first, *rest = owner.split(".")
    thing = names.get(first)
    for part in rest:
        thing = getattr(thing, "__dict__", {}).get(part)
    if thing is None or not hasattr(type(thing), attribute):
        return None
    try:
        listed = getattr(thing, attribute)
    except (ValueError, RuntimeError, AttributeError):  # a model that is not built yet has no list
        return None
    return {id(unwrap(v)) for v in listed} if isinstance(listed, (list, tuple)) else None
