"""The line of the text that writes the update, near the line that asks for the gradient."""

from __future__ import annotations

import ast

from gradlab.doctor.recording.frames import Place
from gradlab.doctor.source_code import syntax

# Methods of an optimizer, and of a variable, that write new weights.
UPDATES = frozenset({"apply_gradients", "apply", "minimize", "assign", "assign_add", "assign_sub"})


def update_after(spots: list[tuple[str, int]]) -> Place | None:
    """The first line at or below one of the places, in the place's own function, that writes an update."""
    for file, line in spots:
        tree = syntax.module(file)
        scope = syntax.scopes(tree, line)[0] if tree is not None else None
        found = [
            call
            for call in (syntax.calls(scope) if scope is not None else ())
            if call.lineno >= line and isinstance(call.func, ast.Attribute) and call.func.attr in UPDATES
        ]
        if found:
            return Place(file, min(call.lineno for call in found), getattr(scope, "name", "<module>"))
    return None
