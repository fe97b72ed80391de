"""The name by which the user's code asks a tape, and the line of its with-block."""

from __future__ import annotations

import ast

from gradlab.doctor.recording.frames import Place
from gradlab.doctor.recording.tape_calls import Call
from gradlab.doctor.source_code import syntax


def tape_name(what: str, where: list[Place]) -> str:
    """`outer` where the line says `outer.gradient(...)`; "tape" where it does not tell one name."""
    statement = syntax.statement_at(where[0].file, where[0].line) if where else None
    found = {
        syntax.dotted(c.func.value)
        for c in (syntax.calls(statement) if statement is not None else ())
        if isinstance(c.func, ast.Attribute) and c.func.attr == what
    }
    name = next(iter(found)) if len(found) == 1 else ""
    return name or "tape"


def tape_block(call: Call) -> tuple[str, int]:
    """The tape's name and the line of the last with-block above the call that opens it; line 0 if the text tells none."""
    name = tape_name(call.what, call.where)
    tree = syntax.module(call.where[0].file) if call.where else None
    lines = [
        node.lineno
        for scope in (syntax.scopes(tree, call.where[0].line) if tree is not None else ())
        for node in ast.walk(scope)
        if isinstance(node, ast.With) and node.lineno <= call.where[0].line
        if any(i.optional_vars is not None and syntax.dotted(i.optional_vars) == name for i in node.items)
    ]
    return name, max(lines, default=0)
