"""The names by which the user's code asks a tape, and for what, and the line of its with-block."""

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


DEFAULT = "Variable"  # TensorFlow's name of a variable that was given none


def source_name(what: str, where: list[Place], steps: list[str], own: str) -> str:
    """`model.w` where the line says `tape.gradient(loss, [model.w, model.b])` and `steps`, ["[0]"], lead there; for a list
    that the line only names also `weights[0]`. "" where the text tells none, or where the thing has a name of its `own`:
    TensorFlow's "Variable" is none, unless all that the text names is a list, or what a loop has left."""
    if own not in ("", DEFAULT) or not where:
        return ""
    statement = syntax.statement_at(where[0].file, where[0].line)
    asking = [
        call
        for head in (syntax.headers(statement) if statement is not None else ())
        for call in syntax.calls(head)
        if isinstance(call.func, ast.Attribute) and call.func.attr == what
    ]
    if len(asking) != 1:
        return ""
    given = [k.value for k in asking[0].keywords if k.arg in ("sources", "source")]
    node: ast.AST | None = next(iter([*asking[0].args[1:2], *given]), None)
    left = list(steps)
    while left and node is not None and (part := syntax.element(node, left[:1])) is not node:
        node, left = part, left[1:]
    name = syntax.dotted(node) if node is not None else ""
    passing = name.partition(".")[0].partition("[")[0] in syntax.loop_names(where[0].file)
    if not name or (own and (left or passing)):
        return ""
    return name + "".join(left)


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
