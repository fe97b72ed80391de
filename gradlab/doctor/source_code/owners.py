"""Layers, models and modules: which variables they hold, and which of them the user's lines name and call."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from typing import Any

import tensorflow as tf

from gradlab.doctor.recording.alive import instances, kinds_of
from gradlab.doctor.recording.frames import places
from gradlab.doctor.recording.sources import is_owner, unwrap
from gradlab.doctor.recording.tape_calls import Call
from gradlab.doctor.recording.trace import Op
from gradlab.doctor.source_code import syntax
from gradlab.doctor.source_code.nodes import node_of
from gradlab.doctor.source_code.parts import parts_of
from gradlab.doctor.source_code.scope import UserScope, class_file, way_to

ASSIGNS = frozenset({"assign", "assign_add", "assign_sub", "set_weights"})  # of a variable, and of a layer
LISTS = frozenset(
    {"trainable_variables", "trainable_weights", "variables", "weights"}
)  # attributes that hold variables


def keras_kinds() -> set[type]:
    """The layer class of Keras 3 and all classes made from it; empty where Keras 3 is not in use."""
    base = getattr(getattr(sys.modules.get("keras"), "layers", None), "Layer", None)
    return kinds_of(base) if isinstance(base, type) and base.__module__.startswith("keras.src") else set()


def plain_variables(layer: Any) -> Iterator[Any]:
    """The tf.Variables that a layer keeps as attributes, or in a list, tuple or dict that is one; not those that the
    user's code assigns to itself (a temperature that is lowered): these are not meant to be trained."""
    file = class_file(layer)
    tree = syntax.module(file) if file else None
    for name, value in vars(layer).items():
        if name.startswith("_self_"):  # TensorFlow's own books, which hold all of an object's parts once more
            continue
        found = variables_in(value)
        if found and not (tree is not None and assigned_by_hand(tree, name)):
            yield from found


def assigned_by_hand(tree: ast.Module, name: str) -> bool:
    """Does the file call `x.name.assign(...)` or `name.assign(...)`, or another of these methods?"""
    return any(
        isinstance(node, ast.Attribute)
        and node.attr in ASSIGNS
        and (getattr(node.value, "attr", None) == name or getattr(node.value, "id", None) == name)
        for node in ast.walk(tree)
    )


def variables_in(value: Any) -> list[Any]:
    """The tf.Variables that a value is, or has as items."""
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else (value,)
    return [part for part in parts if isinstance(part, tf.Variable)]


def own_variables(owner: Any) -> list[Any]:
    """All variables of a layer, model or module; none of one that is not built."""
    out = []
    for name in ("variables", "weights", "trainable_variables"):
        try:
            out += [unwrap(v) for v in getattr(owner, name, None) or ()]
        except ValueError:
            continue  # a model that is not built yet has no weights to list
    return out


def without_weights(owner: Any) -> list[Any]:
    """The layers of an owner (or itself, if it has none) that are not built yet."""
    parts = getattr(owner, "layers", None)
    parts = parts if isinstance(parts, list) and parts else [owner]
    return [part for part in parts if not getattr(part, "built", True)]


def in_another_model(owner: Any, variable: Any) -> bool:
    """Does a Keras model that is no part of the owner have the variable: a network in another module that a loss calls?"""
    if way_to(owner, variable, follow=parts_of(owner)):
        return False
    kinds = [k for k in keras_kinds() if any(base.__name__ == "Model" for base in k.__mro__)]
    return any(m is not owner and any(v is variable for v in own_variables(m)) for m in instances(kinds))


def named_owners(scope: UserScope) -> Iterator[tuple[str, Any]]:
    """Layers, models and modules that the user's code can name: by a name, or as an attribute of an object of theirs."""
    for name, value in scope.values.items():
        if is_owner(value):
            yield name, value
        theirs = hasattr(value, "__dict__") and not isinstance(value, type) and class_file(value)
        held = list(vars(value).items()) if theirs else []
        yield from ((f"{name}.{attribute}", v) for attribute, v in held if is_owner(v))


def called_around(op: Op) -> list[set[str]]:
    """What the user's lines around an op call, innermost line first."""
    called: list[set[str]] = []
    searched: list[ast.stmt] = []
    for level, place in enumerate(places(op.stack)):
        node = node_of(op.spot, level)
        if isinstance(node, ast.Call):
            called.append({syntax.dotted(node.func)})
            continue
        statement = syntax.statement_at(place.file, place.line)
        if statement is not None and statement not in searched:  # a lambda and the call that gets it may be one
            searched.append(statement)
            called.append({syntax.dotted(c.func) for c in syntax.calls(statement)})
    return called


def calls_beside(op: Op, others: set[str], ours: set[str]) -> bool:
    """Is one of the others called on the way to an op, and no call of the owner around it?"""
    called = called_around(op)
    for n, names in enumerate(called):
        if names & others:
            return not any(outer & ours for outer in called[n + 1 :])
    return False


def layers_in(owner: Any) -> list[Any]:
    """A Keras layer or model and the layers in it; of anything else itself."""
    flatten = getattr(owner, "_flatten_layers", None)
    return list(flatten()) if callable(flatten) else [owner]


def in_class(file: str, definition: syntax.Definition, name: str) -> bool:
    """Does the definition stand in the class of that name?"""
    tree = syntax.module(file)
    for node in ast.walk(tree) if tree else ():
        if isinstance(node, ast.ClassDef) and node.name == name:
            return node.lineno <= definition.statement.lineno <= (node.end_lineno or node.lineno)
    return False


def owner_of(call: Call, scope: UserScope) -> Any:
    """The layer, model or module whose list the user's line, or the line that made the list, asks for."""
    for place in call.where[:1]:
        statement = syntax.statement_at(place.file, place.line)
        found = list(_owners(statement, scope)) if statement is not None else []
        for name in sorted(syntax.names(statement)) if statement is not None and not found else ():
            for d in syntax.definitions(place.file, name, place.line)[-1:]:
                found += _owners(d.value, scope)
        if found:
            return found[0]
    return None


def _owners(node: ast.AST, scope: UserScope) -> list[Any]:
    names = [syntax.dotted(n.value) for n in ast.walk(node) if isinstance(n, ast.Attribute) and n.attr in LISTS]
    return [scope.values[n] for n in names if is_owner(scope.values.get(n))]
