"""Variables that the loss depends on and the learner's list lacks, and why it lacks them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from gradlab.doctor.analysis.dataflow import backward
from gradlab.doctor.recording.frames import Place, places
from gradlab.doctor.recording.recorded_run import Run
from gradlab.doctor.recording.snapshot import Snapshot
from gradlab.doctor.recording.sources import Source, unwrap
from gradlab.doctor.recording.trace import Op
from gradlab.doctor.report.diagnosis import Row
from gradlab.doctor.report.wording import finish
from gradlab.doctor.source_code import syntax
from gradlab.doctor.source_code.scope import Scene, class_file, way_to


@dataclass
class OwnerState:
    """What the owner looked like before the run."""

    built: bool = True
    count: int = 0


@dataclass
class Listing:
    """A list of variables, where it came from, and what the run says."""

    owner: Any
    before: OwnerState
    scene: Scene
    run: Run
    snapshot: Snapshot
    sources: list[Source]
    watched: list[tuple[Any, Any]]  # variables that the plain tape watched, with their gradients


def _own(owner: Any) -> list[Any]:
    out = []
    for name in ("variables", "weights", "trainable_variables"):
        try:
            out += [unwrap(v) for v in getattr(owner, name, None) or ()]
        except ValueError:
            continue  # a model that is not built yet has no weights to list
    return out


def state(owner: Any) -> OwnerState:
    """Remember whether the owner was built and how many variables it had."""
    if owner is None:
        return OwnerState()
    return OwnerState(bool(getattr(owner, "built", True)), len(_own(owner)))


def _frozen(ex: Listing, variable: Any) -> Place | None:
    """The line `x.trainable = False` if the variable belongs to something that was frozen."""
    owner = ex.owner
    layers = [owner]
    flatten = getattr(owner, "_flatten_layers", None)
    if callable(flatten):
        layers = list(flatten())
    frozen = [m for m in layers if getattr(m, "trainable", True) is False]
    if variable is not None:
        frozen = [m for m in frozen if any(unwrap(v) is variable for v in getattr(m, "weights", ()))]
    if not frozen:
        return None
    for file, _ in ex.scene.spots:
        tree = syntax.module(file)
        for s in syntax.statements(tree) if tree else ():
            if isinstance(s, ast.Assign) and any(
                isinstance(t, ast.Attribute) and t.attr == "trainable" for t in s.targets
            ):
                if isinstance(s.value, ast.Constant) and s.value.value is False:
                    return Place(file, s.lineno)
            for call in syntax.calls(s) if isinstance(s, (ast.Expr, ast.Assign)) else ():
                if any(
                    k.arg == "trainable" and isinstance(k.value, ast.Constant) and k.value.value is False
                    for k in call.keywords
                ):
                    return Place(file, call.lineno)
    return Place("", 0)


def _reason(ex: Listing, variable: Any) -> tuple[str, list[Place], str]:
    """Cause, places and a sentence for one missing variable."""
    key = ex.run.key(variable)
    use = next((op for op in ex.run.trace.ops if key in op.ins and op.type != "VarHandleOp" and op.stack), None)
    using = places(use.stack) if use is not None else []
    frozen = _frozen(ex, variable)
    if frozen is not None:
        return (
            "non-trainable",
            ([frozen] if frozen.file else []) + using,
            "the layer that holds it was frozen (trainable = False)",
        )
    maker = ex.run.trace.producer.get(key)
    if maker is None and ex.snapshot.variable(key) is None:
        maker = _made_alike(ex, variable)
    tracked = any(v is variable for v in _own(ex.owner))
    early = _list_line(ex) if tracked and not ex.before.built else None
    if maker is not None:
        spots = places(maker.stack)
        if tracked:
            return (
                "empty-vars",
                ([early] if early is not None else []) + spots,
                "it did not exist when the list was made: the layer builds its variables in its first call"
                + (f", {spots[0]}" if spots else ""),
            )
        return "empty-vars", spots, "it is made anew in the call and belongs to no layer that is tracked"
    for thing, attribute in reversed(way_to(ex.owner, variable)):
        file = class_file(thing)
        if file:
            found = syntax.attribute_definitions(file, attribute)
            if found:
                own = [d for d in found if _in_class(file, d, type(thing).__name__)] or found
                taken = list(_taken_anywhere(ex)) if tracked else []
                if len(taken) == 1:
                    return "empty-vars", [taken[0], own[0].place, *using], "the list was made without it"
                sentence = (
                    "the list was made without it"
                    if tracked
                    else f"`{own[0].name}` holds it where {type(ex.owner).__name__} does not look"
                )
                return "empty-vars", [own[0].place, *using], sentence
    made = ex.scene.definition(Source(str(getattr(variable, "name", "")), variable, variable))
    names = [n for n, v in ex.scene.values.items() if v is ex.owner]
    if using and (made is None or any(made == d.place for n in names for d in ex.scene.definitions(n))):
        # Nothing but the owner itself leads to it: a function that the owner runs holds it, a Lambda layer's for one.
        return (
            "empty-vars",
            [*using, *([made] if made else [])],
            "it is used here, and the owner of the list does not hold it",
        )
    if made is not None:
        return "empty-vars", [made, *using], "the loss uses it, and the owner of the list does not hold it"
    return "empty-vars", using, "the loss depends on it and the list lacks it"


LISTS = {"trainable_variables", "trainable_weights", "variables", "weights"}


def _list_line(ex: Listing) -> Place | None:
    """The line that took the list of an owner which had no variables yet, or the one that made the owner."""
    names = {n for n, v in ex.scene.values.items() if v is ex.owner}
    for file, line in ex.scene.spots:
        tree = syntax.module(file)
        for scope in syntax.scopes(tree, line) if tree is not None else ():
            for s in syntax.statements(scope):
                if isinstance(s, (ast.Assign, ast.AnnAssign)) and s.value is not None:
                    taken = [n for n in ast.walk(s.value) if isinstance(n, ast.Attribute) and n.attr in LISTS]
                    if any(syntax.dotted(n.value) in names for n in taken):
                        return Place(file, s.lineno, getattr(scope, "name", "<module>"))
    anywhere = list(_taken_anywhere(ex))
    if len(anywhere) == 1:
        return anywhere[0]
    made = [d for n in sorted(names) for d in ex.scene.definitions(n)]
    return made[-1].place if made else None


def _taken_anywhere(ex: Listing) -> Iterator[Place]:
    """Lines of the learner's files that keep such a list."""
    for file in dict.fromkeys(file for file, _ in ex.scene.spots):
        tree = syntax.module(file)
        for s in syntax.statements(tree) if tree is not None else ():
            if isinstance(s, (ast.Assign, ast.AnnAssign, ast.Return)) and s.value is not None:
                inside = {id(n) for f in ast.walk(s.value) if isinstance(f, ast.Lambda) for n in ast.walk(f)}
                if any(
                    isinstance(n, ast.Attribute) and n.attr in LISTS and id(n) not in inside for n in ast.walk(s.value)
                ):
                    yield Place(file, s.lineno)


def _made_alike(ex: Listing, variable: Any) -> Op | None:
    """The op of the recorded run that made the variable of which this one, of the plain run, is the twin."""
    for op in ex.run.trace.ops:
        if op.type == "AssignVariableOp" and op.ins[0] in ex.run.trace.producer:
            value = ex.run.value(op.ins[1])
            if value is not None and value.dtype == variable.dtype and value.shape == variable.shape:
                return ex.run.trace.producer[op.ins[0]]
    return None


def _in_class(file: str, definition: syntax.Definition, name: str) -> bool:
    tree = syntax.module(file)
    for node in ast.walk(tree) if tree else ():
        if isinstance(node, ast.ClassDef) and node.name == name:
            return node.lineno <= definition.statement.lineno <= (node.end_lineno or node.lineno)
    return False


def rows(ex: Listing) -> list[Row]:
    """One row for each missing variable, or one for an empty list."""
    have = {ex.run.key(s.value) for s in ex.sources}
    lacking = []
    for variable, gradient in ex.watched:
        if gradient is not None and ex.run.key(variable) not in have:
            lacking.append(variable)
    kind = type(ex.owner).__name__
    if not ex.sources:
        row = Row("trainable_variables", "empty", "empty-vars")
        if lacking:
            row.cause, row.where, sentence = _reason(ex, lacking[0])
            names = ", ".join(str(getattr(v, "name", "?")).removesuffix(":0") for v in lacking[:5])
            row.evidence = f"the tape saw {len(lacking)} variable(s) with a gradient ({names}); {sentence}"
            row.confidence = 0.9
        else:
            frozen = _frozen(ex, None)
            if frozen is not None:
                row.cause = "non-trainable"
                row.where = [frozen] if frozen.file else []
                row.evidence, row.confidence = f"{kind} is frozen (trainable = False)", 0.8
            else:
                needed = backward(ex.run.trace, ex.run.target_keys, ex.run.reads)
                last = [op for op in ex.run.trace.ops if op.index in needed and op.stack]
                row.where = places(last[-1].stack) if last else []
                row.evidence, row.confidence = "the loss depends on no variable that a tape watches", 0.5
        return [_finished(row)]
    out = []
    for variable in lacking:
        row = Row(str(getattr(variable, "name", "variable")).removesuffix(":0"), "missing")
        row.cause, row.where, row.evidence = _reason(ex, variable)
        row.confidence = 0.85
        out.append(_finished(row))
    return out


def _finished(row: Row) -> Row:
    """With the fix for a list that was taken too early, where that is the reason."""
    row = finish(row)
    if "builds its variables in its first call" in row.evidence:
        row.fix = "call the layer once (or build(input_shape)) before the list is made, or make the list after the call"
    return row
