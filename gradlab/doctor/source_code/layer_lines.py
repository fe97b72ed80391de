"""The line that makes a layer, where the line that ran its op only says `fit`.

Keras' own training step calls the layers itself, so that no other line of the user's is around an op than `model.fit(...)`.
What there is to change is the layer: the call that made it is looked for in the text of the same file, by the activation
that the op is, by the layer's name, and by the size of its variable. More than one candidate is no answer.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from typing import Any

from gradlab.doctor.recording.alive import instances, kinds_of
from gradlab.doctor.recording.frames import Place
from gradlab.doctor.recording.recorded_run import Run
from gradlab.doctor.recording.sources import unwrap
from gradlab.doctor.recording.tape_calls import Call, leaves
from gradlab.doctor.recording.trace import Op
from gradlab.doctor.source_code import syntax

RUNS_LAYERS = frozenset({"fit", "train_on_batch"})  # methods of a model in which Keras' own step calls its layers
ASKS = frozenset({"explain", "assert_gradients", "line_gradients"})  # gradlab's own, which run a model's step as well
BACK = 8  # ops from an activation back to the variable of its layer: a matrix product, a bias, a reshape or two


def layer_line(op: Op, place: Place, run: Run, call: Call | None) -> Place | None:
    """The line that makes the layer of an op that ran inside `fit`; None if the text does not tell one line."""
    statement, tree = syntax.statement_at(place.file, place.line), syntax.module(place.file)
    if statement is None or tree is None:
        return None
    made = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and _is_class(node)]
    if call is None:  # asked by a call of gradlab's, whose line may hold the user's own ops as well
        layer = _activated(op, run) if runs_layers(statement, ASKS) else None
        named = [node for node in made if layer is not None and _name(node) == layer.name]
        return _place(tree, place.file, named[0]) if len(named) == 1 else None
    if not runs_layers(statement, RUNS_LAYERS):
        return None
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


def layer_words(op: Op, place: Place, run: Run) -> str:
    """Which layer of Keras has the op as its activation, where the line around it is only the question: "the activation of
    the layer first (Dense)"; else empty."""
    statement = syntax.statement_at(place.file, place.line)
    if statement is None or not runs_layers(statement, RUNS_LAYERS | ASKS):
        return ""
    layer = _activated(op, run)
    return f"it is the activation of the layer {layer.name} ({type(layer).__name__})" if layer is not None else ""


def _activated(op: Op, run: Run) -> Any:
    """The layer whose variable the ops just before read and whose activation the op is; None if there is none."""
    makers, keys = [op], set[int]()
    for _ in range(BACK):
        keys |= {run.reads.get(k, k) for one in makers for k in one.ins}
        makers = [p for one in makers for p in map(run.trace.producer.get, one.ins) if p is not None]
    base = getattr(getattr(sys.modules.get("keras"), "layers", None), "Layer", None)
    for layer in instances(kinds_of(base)) if isinstance(base, type) else ():
        kind = getattr(getattr(layer, "activation", None), "__name__", "").replace("_", "").lower()
        held = vars(layer).get("_trainable_variables") or vars(layer).get("_trainable_weights") or ()
        if kind == op.type.lower() and any(run.key(unwrap(v)) in keys for v in held):
            return layer
    return None


def runs_layers(statement: ast.stmt, methods: frozenset[str]) -> bool:
    """Does the statement call one of these methods or functions?"""
    return any(
        syntax.dotted(node.func).rpartition(".")[2] in methods
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
