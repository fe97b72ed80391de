"""Variables that a tape read and its call was not asked for: which of them the list should have had.

A tape reads much that nobody means to train with this call: the other network of a GAN, a target network, the frozen
part of a model, another model that a loss calls. So a variable counts as left out only where something says that the
list was meant to have it: an attribute of the owner of the list leads to it, the list was made of the variables of its
layer (which had none yet), or the owner itself computes with it.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import Any

import tensorflow as tf

from gradlab.doctor import op_types
from gradlab.doctor.recording import session
from gradlab.doctor.recording.alive import instances, kinds_of
from gradlab.doctor.recording.recorded_run import Run
from gradlab.doctor.recording.sources import Source, is_owner, unwrap
from gradlab.doctor.recording.tape_calls import Call
from gradlab.doctor.recording.trace import Op
from gradlab.doctor.rules import Case, variable_list
from gradlab.doctor.rules.variable_list import OwnerState, VariableList
from gradlab.doctor.source_code import syntax
from gradlab.doctor.source_code.owners import (
    LISTS,
    assigned_by_hand,
    called_around,
    keras_kinds,
    named_owners,
    own_variables,
)
from gradlab.doctor.source_code.parts import parts_of
from gradlab.doctor.source_code.scope import UserScope, class_file, way_to

FITS = frozenset({"fit", "train_on_batch"})  # methods of a Keras model whose step asks the tape itself


def cases(
    call: Call,
    run: Run,
    scope: UserScope,
    sources: list[Source],
    read: Callable[[], list[Any]],
    slopes: Callable[[list[Any]], list[Any]],
) -> list[Case]:
    """One case for each variable that the call's list should have had. `read`: the variables that the run read;
    `slopes`: their gradients."""
    if not sources:
        return []
    have = {run.key(s.value) for s in sources}
    # What the step itself writes to is a state (of a stateful layer of legacy Keras, for one): no list should have it.
    written = {op.ins[0] for op in run.trace.ops if op_types.is_write(op.type) and op.ins}
    others = [v for v in read() if v.trainable and run.key(v) not in have | written]
    if not others:
        return []
    elsewhere = {run.key(v) for v in map(unwrap, session.asked_for()) if isinstance(v, tf.Variable)}
    others = [v for v in others if run.key(v) not in elsewhere]
    holders = _holders(others)
    others = [v for v in others if not _frozen(v, holders)]
    with_slope = [(v, g) for v, g in zip(others, slopes(others) if others else [], strict=True) if g is not None]
    if not with_slope:
        return []
    found: dict[int, tuple[Any, OwnerState, list[Any]]] = {}
    owners = list(_owners_of(sources))
    named = list(_named_by_list(call, scope, {id(s.value) for s in sources}))
    for v, g in with_slope:
        late = next((o for o in named if any(w is v for w in own_variables(o))), None)
        owner = late or next((o for o in owners if _meant(o, v, call, run, scope, holders)), None)
        if owner is not None:
            found.setdefault(id(owner), (owner, OwnerState(built=late is None), []))[2].append((v, g))
    made = []
    for owner, state, watched in found.values():
        listing = VariableList(owner, state, scope, run, None, sources, watched, meant=True)
        made += variable_list.cases(listing, call=call)
    return made


# --- who holds what -----------------------------------------------------------------------------------------------------


def _kinds() -> set[type]:
    return keras_kinds() | kinds_of(tf.Module)


def _lists(owner: Any, name: str) -> list[Any]:
    try:
        return [unwrap(v) for v in getattr(owner, name)]
    except (AttributeError, ValueError):  # not built, half made, or no such list
        return []


def _holders(some: list[Any]) -> list[tuple[Any, set[int], set[int]]]:
    """(Layer, model or module; the ids of its variables; of those that it has trained) for all that hold one of these."""
    wanted = {id(v) for v in some}
    found = []
    for thing in instances(_kinds()) if wanted else ():
        if isinstance(thing, tf.Variable) or not is_owner(thing):
            continue
        held = {id(v) for v in _lists(thing, "variables")}
        if held & wanted:
            found.append((thing, held, {id(v) for v in _lists(thing, "trainable_variables")}))
    return found


def _frozen(variable: Any, holders: list[tuple[Any, set[int], set[int]]]) -> bool:
    """Does something hold the variable without having it trained?"""
    return any(id(variable) in held and id(variable) not in trained for _, held, trained in holders)


def _owners_of(sources: list[Source]) -> Iterator[Any]:
    """The layers, models and modules whose list the sources are."""
    asked = {id(unwrap(s.given)) for s in sources}
    for thing in instances(_kinds()):
        if is_owner(thing) and {id(v) for v in _lists(thing, "trainable_variables")} == asked:
            yield thing


# --- what says that the list was meant to have it -----------------------------------------------------------------------


def _meant(owner: Any, variable: Any, call: Call, run: Run, scope: UserScope, holders: list[Any]) -> bool:
    way = way_to(owner, variable, follow=parts_of(owner))
    if _assigned(way or way_to(owner, variable), variable, scope):
        return False
    return bool(way) or _computed_with(owner, variable, call, run, scope, holders)


def _assigned(way: list[tuple[Any, str]], variable: Any, scope: UserScope) -> bool:
    """Does the user's code assign to it, or to what holds it: a temperature that is lowered, a target network?"""
    names = {name for _, name in way} | {name for name, v in scope.values.items() if v is variable}
    files = {file for file in (class_file(thing) for thing, _ in way) if file} | {file for file, _ in scope.spots}
    trees = [tree for tree in map(syntax.module, sorted(files)) if tree is not None]
    return any(assigned_by_hand(tree, name) for name in names for tree in trees)


def _computed_with(owner: Any, variable: Any, call: Call, run: Run, scope: UserScope, holders: list[Any]) -> bool:
    """Does the owner itself compute with it? Not if another model has it, and not beside a call of the owner."""
    if any(thing is not owner and _is_model(thing) and id(variable) in held for thing, held, _ in holders):
        return False
    key = run.key(variable)
    uses = [op for op in run.trace.ops if key in op.ins and op.type != "VarHandleOp" and op.stack]
    if not uses:
        return False
    if _is_model(owner) and _asked_by_keras(call):  # all that Keras' own step reads is read by the model and its loss
        return not variable_list.of_another(VariableList(owner, OwnerState(), scope, run, None, [], []), variable)
    named = list(named_owners(scope))
    ours = {n for n, v in named if v is owner}
    # In `head(body(x))` the line calls both, and it is `body` that computes with its own variable.
    theirs = {n for n, v in named if v is not owner and any(w is variable for w in own_variables(v))}
    return bool(ours) and all(_called(op, ours) and not _called(op, theirs) for op in uses)


def _called(op: Op, names: set[str]) -> bool:
    return any(called & names for called in called_around(op))


def _is_model(thing: Any) -> bool:
    return any(kind.__name__ == "Model" and "keras" in kind.__module__ for kind in type(thing).__mro__)


def _asked_by_keras(call: Call) -> bool:
    """Is the user's line that asked one that trains a model, rather than one that asks a tape?"""
    statement = syntax.statement_at(call.where[0].file, call.where[0].line) if call.where else None
    names = (
        {syntax.dotted(c.func).rpartition(".")[2] for c in syntax.calls(statement)} if statement is not None else set()
    )
    return bool(names & FITS) and call.what not in names


def _named_by_list(call: Call, scope: UserScope, asked: set[int]) -> Iterator[Any]:
    """Layers of whose variables the list was made, and of which it has none: they had none yet. Only where the list is
    a sum of whole lists: a slice or a condition may leave out what it likes."""
    statement = syntax.statement_at(call.where[0].file, call.where[0].line) if call.where else None
    asking = [
        node
        for node in (syntax.calls(statement) if statement is not None else ())
        if isinstance(node.func, ast.Attribute) and node.func.attr == call.what
    ]
    for node in asking if len(asking) == 1 else ():  # of several on one line it is not known which one this is
        given = [k.value for k in node.keywords if k.arg in ("sources", "source")] or node.args[1:2]
        for expression in given:
            whole: ast.AST = expression
            if isinstance(expression, ast.Name):
                made = syntax.definitions(call.where[0].file, expression.id, call.where[0].line)[-1:]
                whole = made[0].value if made else expression
            for name in _summed(whole):
                owner = scope.values.get(name)
                if is_owner(owner) and not any(id(v) in asked for v in own_variables(owner)):
                    yield owner


def _summed(node: ast.AST) -> Iterator[str]:
    """`x` and `y` of `x.trainable_variables + [*y.trainable_variables, z]`."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        yield from _summed(node.left)
        yield from _summed(node.right)
    elif isinstance(node, (ast.List, ast.Tuple)):
        for part in node.elts:
            yield from _summed(part.value) if isinstance(part, ast.Starred) else ()
    elif isinstance(node, ast.Call) and syntax.dotted(node.func) in ("list", "tuple") and node.args:
        yield from _summed(node.args[0])
    elif isinstance(node, ast.Attribute) and node.attr in LISTS:
        yield syntax.dotted(node.value)
