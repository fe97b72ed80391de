"""The line that makes a layer, where the line that ran its op only says `fit`.

Keras' own training step calls the layers itself, so that no other line of the user's is around an op than `model.fit(...)`.
What there is to change is the layer: the call that made it is looked for in the text of the same file, by the activation
that the op is, by the layer's name, and by the size of its variable. More than one candidate is no answer.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from gradlab.doctor.recording.frames import Place
from gradlab.doctor.recording.recorded_run import Run
from gradlab.doctor.recording.sources import unwrap
from gradlab.doctor.recording.tape_calls import Call, leaves
from gradlab.doctor.recording.trace import Op
from gradlab.doctor.source_code import syntax

RUNS_LAYERS = frozenset({"fit", "train_on_batch"})  # methods of a model in which Keras' own step calls its layers
BACK = 8  # ops from an activation back to the variable of its layer: a matrix product, a bias, a reshape or two


def layer_line(op: Op, place: Place, run: Run, call: Call | None) -> Place | None:
    """The line that makes the layer of an op that ran inside `fit`; None if the text does not tell one line."""
    statement, tree = syntax.statement_at(place.file, place.line), syntax.module(place.file)
    if statement is None or tree is None or call is None or not _runs_layers(statement):
        return None
    made = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and _is_class(node)]
    kind = op.type.lower()
    found = [node for node in made if _has_activation(node, kind)] or made
    if len(found) == 1 and found is not made:
        return _place(tree, place.file, found[0])
    path, width = _variable(op, run, call)
    if path is None:
        return None
    named = [node for node in made if _name(node) in path]
    found = named or [node for node in found if not _name(node) and _snake(node) in map(_without_number, path)]
    if len(found) > 1:
        found = [node for node in found if width in _sizes(node)]
    return _place(tree, place.file, found[0]) if len(found) == 1 else None


def _runs_layers(statement: ast.stmt) -> bool:
    return any(
        isinstance(node.func, ast.Attribute) and node.func.attr in RUNS_LAYERS
        for head in syntax.headers(statement)
        for node in syntax.calls(head)
    )


def _is_class(call: ast.Call) -> bool:
    return syntax.dotted(call.func).rpartition(".")[2][:1].isupper()


def _has_activation(call: ast.Call, kind: str) -> bool:
    """Does the call name the activation: as its class, as a text, or as a function?"""
    given = [syntax.dotted(call.func), *map(_text, (*call.args, *(k.value for k in call.keywords)))]
    return any(name.rpartition(".")[2].replace("_", "").lower() == kind for name in given)


def _text(node: ast.AST) -> str:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    return syntax.dotted(node)


def _name(call: ast.Call) -> str:
    return next((_text(k.value) for k in call.keywords if k.arg == "name"), "")


def _snake(call: ast.Call) -> str:
    """The name that Keras gives to a layer of this class: `layer_normalization` for `LayerNormalization`."""
    name = syntax.dotted(call.func).rpartition(".")[2]
    name = re.sub(r"(.)([A-Z][a-z0-9]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def _without_number(part: str) -> str:
    return re.sub(r"_\d+$", "", part)


def _sizes(call: ast.Call) -> Iterator[int]:
    for node in (*call.args[:2], *(k.value for k in call.keywords if k.arg in ("units", "filters", "output_dim"))):
        if isinstance(node, ast.Constant) and type(node.value) is int:
            yield node.value


def _variable(op: Op, run: Run, call: Call) -> tuple[list[str] | None, int]:
    """The path of the variable, of those asked for, that the op or the ops just before it read, and its last dimension."""
    known = {run.key(unwrap(s)): s for s in leaves(call.sources) if hasattr(unwrap(s), "handle")}
    layer = [op]
    for _ in range(BACK):
        for one in layer:
            for k in one.ins:
                key = run.reads.get(k, k)
                if key in known:
                    variable = known[key]
                    path = str(getattr(variable, "path", "") or variable.name).partition(":")[0].split("/")
                    return path[:-1], int(variable.shape[-1]) if len(variable.shape) else 1
        layer = [p for one in layer for p in map(run.trace.producer.get, one.ins) if p is not None]
    return None, 0


def _place(tree: ast.Module, file: str, node: ast.Call) -> Place:
    inside = [f for f in syntax.functions(tree) if f.lineno <= node.lineno <= (f.end_lineno or f.lineno)]
    return Place(file, node.lineno, max(inside, key=lambda f: f.lineno).name if inside else "<module>")
