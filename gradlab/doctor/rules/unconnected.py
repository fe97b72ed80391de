"""The loss does not depend on the source, and no other rule knows why."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from gradlab.doctor.analysis.finite_differences import SCALES, Spent
from gradlab.doctor.certainty import Proof
from gradlab.doctor.recording.frames import Place, places
from gradlab.doctor.recording.recorded_run import Run
from gradlab.doctor.recording.sources import COMPOSITES, is_owner, unwrap
from gradlab.doctor.recording.trace import Op
from gradlab.doctor.rules import NO_PATH, Case, Cause, Finding, Kind, find, rule
from gradlab.doctor.rules.case import place_of
from gradlab.doctor.source_code import syntax
from gradlab.doctor.source_code.scope import UserScope, children, class_file

UNCONNECTED = Cause(
    "unconnected",
    what="the loss does not depend on it",
    fix="use it in the loss, or leave it out of the list",
)

LINEAR = (
    "nothing to do if the function is linear in it: its second derivative is zero, and "
    "unconnected_gradients=tf.UnconnectedGradients.ZERO gives it as zeros"
)


@rule(Kind.NONE, rank=70)
def nothing_reaches_the_loss(case: Case) -> Finding | None:
    """No chain of recorded ops leads from the source to the loss, or none at which a gradient stops."""
    return find(case, NO_PATH)


@rule(NO_PATH, rank=84, cause=UNCONNECTED)
def goes_into_another_loss(case: Case) -> Finding | None:
    """What the source is used for ends in a single number, and that is not the one whose gradient is asked: the loss of the
    other player, or a metric. The line to look at is the one that makes the loss without it."""
    op, run, call = case.last_use, case.recorded, case.call
    if op is None or call is None or not call.where or len(run.target_keys) != 1:
        return None
    numbers = [run.value(k) for k in op.outs if run.is_float(k)]
    made = run.trace.producer.get(run.target_keys[0])
    if made is None or not numbers or any(n.shape.rank != 0 for n in numbers):
        return None
    asking = [p for p in place_of(made) if (p.file, p.function) == (call.where[0].file, call.where[0].function)]
    used = places(op.stack)
    if not asking or not used or any(p in used for p in asking[:1]):
        return None
    if isinstance(syntax.statement_at(used[0].file, used[0].line), ast.AugAssign):
        return None  # a running sum; in a graph it is one op with its loop, and the line that adds to it says more
    evidence = f"this loss is made without it: its last use, in line {used[0].line}, makes another number"
    fix = "use it in this loss, or ask for the gradient of the number that it is used in"
    return Finding([*asking[:1], *used], evidence, (Proof.FLOW,), op.type, made, fix=fix)


@rule(NO_PATH, rank=90, cause=UNCONNECTED)
def last_use(case: Case) -> Finding | None:
    """The source was used, no recorded op leads from there to the loss, and its value left TensorFlow nowhere."""
    op = case.last_use
    if op is None:
        return None
    moved, refuted = _moved(case)
    where, proofs = places(op.stack), () if refuted else (Proof.FLOW,)
    if _asks_a_tape(where[0]):
        evidence = f"the gradient that is computed here does not depend on it, so its own derivative is None{moved}"
        return Finding(where, evidence, proofs, op.type, op, fix=LINEAR)
    return Finding(where, f"the loss does not depend on it; this is its last use{moved}", proofs, op.type, op)


def _asks_a_tape(place: Place) -> bool:
    """Does the line ask a tape for a gradient: an inner one, whose result is differentiated again?"""
    statement = syntax.statement_at(place.file, place.line)
    asking = ("gradient", "jacobian", "batch_jacobian")
    return statement is not None and any(
        isinstance(c.func, ast.Attribute) and c.func.attr in asking for c in syntax.calls(statement)
    )


@rule(NO_PATH, rank=91, cause=UNCONNECTED)
def only_its_layout_is_used(case: Case) -> Finding | None:
    """The source is the values of a ragged or sparse tensor, and the loss reads where these stand and not what they are."""
    import tensorflow as tf

    run = case.recorded
    for name, value in case.scope.values.items():
        if not isinstance(value, COMPOSITES) or unwrap(value) is not case.asked.value:
            continue
        parts = {run.key(t) for t in tf.nest.flatten(value, expand_composites=True)} - {case.seed}
        op = _last(run, case, parts)
        if op is not None:
            evidence = f"the loss uses how the values of `{name}` are laid out (how long its rows are), not the values"
            return Finding(place_of(op), evidence, (Proof.FLOW, Proof.OBJECT), op.type, op)
    return None


@rule(NO_PATH, rank=92, cause=UNCONNECTED)
def a_twin_is_used(case: Case) -> Finding | None:
    """No op read the source, and the loss reads the variables of another object of the same class and shapes: a target
    network where the trained one was meant."""
    run, things = case.recorded, list(_owners(case.scope))
    for name, thing in things:
        held = _variables(thing)
        if not any(v is case.asked.value for v in held):
            continue
        for other, twin in things:
            theirs = _variables(twin)
            same = type(twin) is type(thing) and [v.shape for v in theirs] == [v.shape for v in held]
            if not same or any(v is mine for v in theirs for mine in held):
                continue
            op = _last(run, case, {run.key(v) for v in theirs})
            if op is not None:
                evidence = f"the loss uses `{other}`, whose variables have the same shapes; `{name}` is not used"
                fix = f"use `{name}` here, or ask for the variables of `{other}`"
                return Finding(place_of(op), evidence, (Proof.FLOW, Proof.OBJECT), op.type, op, fix=fix)
    return None


def _last(run: Run, case: Case, keys: set[int]) -> Op | None:
    """The last op of the user's, of those that the loss needs, that reads one of these tensors or variables."""
    return next(
        (
            op
            for op in reversed(run.trace.ops)
            if op.index in case.flow.needed and op.stack and any(k in keys or run.reads.get(k) in keys for k in op.ins)
        ),
        None,
    )


def _owners(scope: UserScope) -> Iterator[tuple[str, Any]]:
    """The layers, models and modules that the names around the call mean, or an attribute of one of the user's objects."""
    for name, value in scope.values.items():
        if is_owner(value):
            yield name, value
        if class_file(value):
            yield from ((f"{name}.{a}", v) for a, v in children(value) if is_owner(v))


def _variables(thing: Any) -> list[Any]:
    try:
        return [unwrap(v) for v in thing.trainable_variables]
    except (ValueError, AttributeError):  # a Keras model that is not built
        return []


@rule(NO_PATH, rank=93, cause=UNCONNECTED)
def its_branch_did_not_run(case: Case) -> Finding | None:
    """No op read the source, and the text around the call uses it in a branch only."""
    aliases = case.scope.aliases(case.asked)
    for file, line in case.scope.spots[:1]:
        tree = syntax.module(file)
        scope = syntax.scopes(tree, line)[0] if tree is not None else None
        for node in ast.walk(scope) if scope is not None else ():
            for part in _branches(node):
                if part.lineno < line and syntax.names(part) & aliases:
                    used = next(n for n in ast.walk(part) if hasattr(n, "lineno") and syntax.names(n) & aliases)
                    function = getattr(scope, "name", "<module>")
                    at = getattr(node, "lineno", used.lineno)
                    where = [Place(file, n, function) for n in dict.fromkeys((used.lineno, at))]
                    return Finding(where, "it is used only in a branch that did not run", (Proof.FLOW, Proof.TEXT))
    return None


def _branches(node: ast.AST) -> list[Any]:
    """The parts of the text that run under a condition: the branches of an if, and functions written in a call."""
    if isinstance(node, ast.IfExp):
        return [node.body, node.orelse]
    if isinstance(node, ast.If):
        return [*node.body, *node.orelse]
    return [node.body] if isinstance(node, ast.Lambda) else []


@rule(NO_PATH, rank=95, cause=UNCONNECTED)
def never_read(case: Case) -> Finding | None:
    """No recorded op used the source."""
    place = case.scope.definition(case.asked)
    moved, refuted = _moved(case)
    evidence = f"it was never read while the loss was computed{moved}"
    where = [place] if place else list(case.call.where) if case.call is not None else []
    return Finding(where, evidence, () if refuted or place is None else (Proof.FLOW,))


def _moved(case: Case) -> tuple[str, bool]:
    """What moving the source does to the loss, as a part of a sentence, and whether that speaks against the finding."""
    check = case.check
    if check is None or not check.can_move(case.asked):
        return "", False
    try:
        moved = check.moves_loss(case.asked)
    except Spent as limit:
        return f"; not checked by moving it ({limit})", False
    if moved is None:
        return f"; moving it by up to {SCALES[-1]:g} changed nothing", False
    step, change = moved
    return f"; but moving it by {step:g} changes the loss by {change:.3g}, in a way that was not recorded", True
