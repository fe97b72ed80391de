"""A recorded tape was asked for an empty list: which variables did it lack, and why?"""

from __future__ import annotations

import ast
from typing import Any

from gradlab.doctor.recording.recorded_run import Run
from gradlab.doctor.recording.snapshot import Snapshot
from gradlab.doctor.recording.sources import is_owner
from gradlab.doctor.recording.tape_calls import Call
from gradlab.doctor.report.diagnosis import Row
from gradlab.doctor.report.wording import finish
from gradlab.doctor.rules import variable_list
from gradlab.doctor.source_code import syntax
from gradlab.doctor.source_code.scope import Scene


def watched(run: Run) -> list[tuple[Any, Any]]:
    """The variables that a recorded run read, with their gradients."""
    variables = run.variables()
    slopes = run.trace.tape.gradient(run.targets, variables) if variables else []
    return list(zip(variables, slopes, strict=True))


def empty_row(call: Call, run: Run, scene: Scene, watched: list[tuple[Any, Any]]) -> Row:
    """The row of a call without any source. `watched`: variables that were read, with their gradients."""
    owner = _owner(call, scene)
    if owner is not None:
        listing = variable_list.Listing(
            owner, variable_list.OwnerState(built=False), scene, run, Snapshot(run.key), [], watched
        )
        row = variable_list.rows(listing)[0]
        row.name = "sources"
        return row
    row = Row("sources", "empty", "empty-vars", call.where)
    names = ", ".join(str(getattr(v, "name", "?")).removesuffix(":0") for v, g in watched if g is not None)
    row.evidence = f"tape.{call.what} was asked for nothing; " + (
        f"the loss depends on {names}" if names else "the loss depends on no variable that a tape watches"
    )
    row.confidence = 0.7
    return finish(row)


def _owner(call: Call, scene: Scene) -> Any:
    """The layer, model or module whose list the learner's line, or the line that made the list, asks for."""
    for place in call.where[:1]:
        statement = syntax.statement_at(place.file, place.line)
        found = list(_owners(statement, scene)) if statement is not None else []
        for name in sorted(syntax.names(statement)) if statement is not None and not found else ():
            for d in syntax.definitions(place.file, name, place.line)[-1:]:
                found += _owners(d.value, scene)
        if found:
            return found[0]
    return None


def _owners(node: ast.AST, scene: Scene) -> list[Any]:
    names = [
        syntax.dotted(n.value) for n in ast.walk(node) if isinstance(n, ast.Attribute) and n.attr in variable_list.LISTS
    ]
    return [scene.values[n] for n in names if is_owner(scene.values.get(n))]
