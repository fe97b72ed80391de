"""Variables that the target depends on and that the list which was asked for lacks, with the lines that take the list.

A list that the learner wrote down is a choice. A list that was read from a layer or model (`.trainable_variables`), and
an empty one, are not: there a variable can be missing without being noticed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from gradlab.lines import statements
from gradlab.lines.doctor_parts import FLOATS, unwrap
from gradlab.lines.naming import Lookup
from gradlab.lines.recorded import Ask
from gradlab.lines.recording import Recording


@dataclass
class Missing:
    """One variable that a list lacks."""

    name: str
    variable: Any
    shape: tuple[int, ...]
    lines: list[tuple[str, int]] = field(default_factory=list)


@dataclass
class Candidate:
    """A variable that the tape watched and that the lists at these lines lack; missing if it has a gradient."""

    variable: Any
    lines: list[tuple[str, int]] = field(default_factory=list)


def candidates(recording: Recording, ask: Ask | None, sources: dict[str, Any]) -> list[Candidate]:
    """The variables that a list read from an owner lacks; for an empty list, all that the tape watched."""
    if ask is None or ask.error is not None or ask.tape.mirror is None:
        return []
    members = {id(unwrap(v)) for v in sources.values()}
    places: list[tuple[tuple[str, int], set[int]]] = []
    if not ask.own:
        places = _places(recording, ask, sources)
        if not places:
            return []
        if any("watched_variables" in code.co_names for code, _, _ in ask.frames[:1]):
            members = set()  # what was asked for by way of the tape is still not in the list
        members = members.union(*(ids for _, ids in places))
    elif not ask.from_owner:
        return []
    watched = [v for v in map(unwrap, ask.tape.mirror.watched_variables()) if v.dtype in FLOATS and v.trainable]
    return [Candidate(v, [at for at, _ in places]) for v in watched if id(v) not in members]


def missing(found: list[Candidate], slopes: list[Any], ask: Ask, sources: dict[str, Any]) -> list[Missing]:
    """Those of the candidates that have a gradient, with names of their own."""
    lookup = Lookup(ask)
    named: list[Missing] = []
    for candidate, slope in zip(found, slopes, strict=False):
        if slope is None:
            continue
        v = candidate.variable
        name = base = _known(v, sources) or lookup.name(v) or f"variable {len(named)}"
        n = 2
        while any(m.name == name for m in named) or (name in sources and unwrap(sources[name]) is not v):
            name, n = f"{base}#{n}", n + 1
        named.append(Missing(name, v, tuple(v.shape), candidate.lines))
    return named


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
