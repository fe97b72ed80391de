"""Rows for sources without a gradient: dispatches to the locators and words what they found."""

from __future__ import annotations

import ast

from gradlab.doctor.analysis import cuts
from gradlab.doctor.analysis.dataflow import Flow
from gradlab.doctor.recording.frames import Place
from gradlab.doctor.recording.recorded_run import Run
from gradlab.doctor.recording.sources import FLOATS, Source
from gradlab.doctor.report.diagnosis import Row
from gradlab.doctor.report.path import describe, drawn, gradient_sentence, place_of
from gradlab.doctor.report.wording import finish
from gradlab.doctor.rules import control_flow, detached_op, graphs
from gradlab.doctor.source_code import syntax
from gradlab.doctor.source_code.scope import Scene


def none_row(run: Run, source: Source, scene: Scene, again: control_flow.Again | None, watched: bool = False) -> Row:
    """A row for a source without gradient."""
    row = Row(source.name, "none")
    flow = run.between(source)
    if source.dtype not in FLOATS:
        return _integer(run, flow, source, scene, row)
    alive = run.gradients.get(run.seed(source)) is not None
    if source.is_variable and not source.trainable and not watched:
        return not_trainable(run, flow, source, scene, row)
    if alive and run.trace.calls and (watched or source.is_variable):
        return graphs.mode_row(run, flow, source, "none", control_flow.last_use(run, flow))
    if alive:
        return not_watched(run, flow, source, scene, row)
    if flow.reached:
        found = cuts.cuts(run, flow)
        if found:
            cut = cuts.decisive(run, found, run.seed(source))
            row.cause = detached_op.of_cut(run, flow, cut)
            describe(run, flow, row, cut)
            row.evidence = gradient_sentence(run, flow, cut, "none")
            row.confidence = 0.95
            return finish(drawn(run, flow, row, cut.op))
        if any(t.dtype not in FLOATS for t in run.targets):
            return _whole_target(run, flow, row)
    found_out = control_flow.explain(run, flow, source, scene, again)
    row.cause, row.where, row.op = found_out.cause, found_out.where, found_out.op
    row.evidence, row.confidence = found_out.evidence, found_out.confidence
    return finish(drawn(run, flow, row, found_out.cut or control_flow.last_use(run, flow)))


def _whole_target(run: Run, flow: Flow, row: Row) -> Row:
    """The loss itself is not a float: walk back from it."""
    op = flow.path[-1]
    k = op.outs[0]
    cut = cuts.walk_back(run, flow, op, k)
    row.cause = detached_op.of_cut(run, flow, cut)
    describe(run, flow, row, cut)
    row.evidence = f"the loss itself is {run.targets[0].dtype.name}, which has no gradient"
    row.confidence = 0.9
    return finish(row)


def _integer(run: Run, flow: Flow, source: Source, scene: Scene, row: Row) -> Row:
    row.cause = "integer-source"
    use = place_of(control_flow.first_use(run, flow))
    made = scene.definition(source) if source.is_variable else None
    row.where = ([made] if made else []) + use
    row.evidence = f"its dtype is {source.dtype.name}: a gradient exists only for floating point"
    row.confidence = 0.95
    return finish(row)


def not_trainable(run: Run, flow: Flow, source: Source, scene: Scene, row: Row) -> Row:
    """A row for a variable that a tape does not watch by itself."""
    row.cause = "non-trainable"
    made = scene.definition(source)
    use = place_of(control_flow.first_use(run, flow))
    text = made.code + _helpers(made) if made else ""
    row.where = (
        ([made] if made and "trainable" in text else []) + use + ([made] if made and "trainable" not in text else [])
    )
    row.evidence = "it was created with trainable=False, so a tape does not watch it by itself"
    row.confidence = 0.9
    name = str(getattr(source.value, "name", "")) + str(getattr(source.given, "path", ""))
    return finish(row, statistic="moving_" in name)


def _helpers(made: Place) -> str:
    """The text of the learner's functions that a line calls."""
    statement, tree = syntax.statement_at(made.file, made.line), syntax.module(made.file)
    called = {syntax.dotted(c.func).rpartition(".")[2] for c in syntax.calls(statement)} if statement else set()
    return " ".join(
        ast.unparse(n)
        for n in ast.walk(tree or ast.Module([], []))
        if isinstance(n, ast.FunctionDef) and n.name in called
    )


def not_watched(run: Run, flow: Flow, source: Source, scene: Scene, row: Row) -> Row:
    """A row for a tensor that no tape watches."""
    rebound = rebinding(source, scene)
    if rebound is not None:
        row.cause, row.where = "variable-rebound", [rebound, *place_of(control_flow.first_use(run, flow))]
        row.evidence = f"`{rebound.code}` made a plain tensor of the variable; watched, its gradient would be there"
    else:
        row.cause, row.where = "not-watched", place_of(control_flow.first_use(run, flow))
        norm = run.norm(run.seed(source))
        row.evidence = (
            f"watched, its gradient would be there (norm {norm:.3g})"
            if norm is not None
            else "a tape does not watch plain tensors"
        )
    first = control_flow.first_use(run, flow)
    row.op = first.type if first else ""
    row.confidence = 0.95
    return finish(drawn(run, flow, row, first))


def _given(update: syntax.Definition) -> bool:
    """Does arithmetic change what a function was given: `w = [v - lr * g for v, g in zip(w, gs)]` for a parameter w?"""
    tree = syntax.module(update.file)
    scope = syntax.scopes(tree, update.statement.lineno)[0] if tree is not None else None
    if not isinstance(scope, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return False
    given = {a.arg for a in (*scope.args.posonlyargs, *scope.args.args, *scope.args.kwonlyargs)}
    return update.name in given and any(
        isinstance(n, ast.BinOp) and isinstance(n.op, (ast.Sub, ast.Add)) for n in ast.walk(update.value)
    )


def rebinding(source: Source, scene: Scene) -> Place | None:
    """The line that made a tensor of a variable's name: `w = w - lr * g` after `w = tf.Variable(...)`."""
    if source.is_variable:
        return None
    for name in sorted(scene.aliases(source)):
        last = name.rpartition(".")[2]
        found = scene.definitions(name, before=False)  # in a loop the update may stand below
        whole = scene.definitions(name.partition("[")[0], before=False) if "[" in name else []
        made = [
            d
            for d in [*found, *whole]
            if any(
                "Variable" in syntax.dotted(c.func) or "add_weight" in syntax.dotted(c.func)
                for c in syntax.calls(d.value)
            )
        ]
        updates = [
            d
            for d in [*found, *whole]
            if any(n == name or n == name.partition("[")[0] or n.endswith("." + last) for n in syntax.names(d.value))
            and d not in made
        ]
        if updates and (made or _given(updates[-1])):
            return updates[-1].place
        if made and "[" in name:
            update = scene.item_update(name.partition("[")[0])
            if update is not None:
                return update
    return None
