"""From a run and a status to a row: dispatches to the locators and words what they found."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from gradlab.doctor import binding, cause, disconnected, graphs, leaving, locate
from gradlab.doctor.finding import Finding
from gradlab.doctor.flow import Flow
from gradlab.doctor.frames import Place, places
from gradlab.doctor.locate import Cut
from gradlab.doctor.observe import Run
from gradlab.doctor.origin import Scene
from gradlab.doctor.record import Op
from gradlab.doctor.report import Row, Step
from gradlab.doctor.sources import FLOATS, Source
from gradlab.doctor.wording import finish

WRITTEN = {"ReadVariableOp", "VarHandleOp", "NoOp"}


def place_of(op: Op | None) -> list[Place]:
    return places(op.stack) if op is not None else []


def none_row(run: Run, source: Source, scene: Scene, again: disconnected.Again | None, watched: bool = False) -> Row:
    """A row for a source without gradient."""
    row = Row(source.name, "none")
    flow = run.between(source)
    if source.dtype not in FLOATS:
        return _integer(run, flow, source, scene, row)
    alive = run.gradients.get(run.seed(source)) is not None
    if source.is_variable and not source.trainable and not watched:
        return _not_trainable(run, flow, source, scene, row)
    if alive and run.trace.calls and (watched or source.is_variable):
        return graphs.mode_row(run, flow, source, "none", disconnected.last_use(run, flow))
    if alive:
        return _not_watched(run, flow, source, scene, row)
    if flow.reached:
        found = locate.cuts(run, flow)
        if found:
            cut = locate.decisive(run, found, run.seed(source))
            row.cause = cause.of_cut(run, flow, cut)
            _describe(run, flow, row, cut)
            row.evidence = _gradient_sentence(run, flow, cut, "none")
            row.confidence = 0.95
            return finish(_drawn(run, flow, row, cut.op))
        if any(t.dtype not in FLOATS for t in run.targets):
            return _whole_target(run, flow, row)
    found_out = disconnected.explain(run, flow, source, scene, again)
    row.cause, row.where, row.op = found_out.cause, found_out.where, found_out.op
    row.evidence, row.confidence = found_out.evidence, found_out.confidence
    return finish(_drawn(run, flow, row, found_out.cut or disconnected.last_use(run, flow)))


def _whole_target(run: Run, flow: Flow, row: Row) -> Row:
    """The loss itself is not a float: walk back from it."""
    op = flow.path[-1]
    k = op.outs[0]
    cut = locate.walk_back(run, flow, op, k)
    row.cause = cause.of_cut(run, flow, cut)
    _describe(run, flow, row, cut)
    row.evidence = f"the loss itself is {run.targets[0].dtype.name}, which has no gradient"
    row.confidence = 0.9
    return finish(row)


def _integer(run: Run, flow: Flow, source: Source, scene: Scene, row: Row) -> Row:
    row.cause = "integer-source"
    use = place_of(disconnected.first_use(run, flow))
    made = scene.definition(source) if source.is_variable else None
    row.where = ([made] if made else []) + use
    row.evidence = f"its dtype is {source.dtype.name}: a gradient exists only for floating point"
    row.confidence = 0.95
    return finish(row)


def _not_trainable(run: Run, flow: Flow, source: Source, scene: Scene, row: Row) -> Row:
    row.cause = "non-trainable"
    made = scene.definition(source)
    use = place_of(disconnected.first_use(run, flow))
    text = made.code if made else ""
    row.where = (
        ([made] if made and "trainable" in text else []) + use + ([made] if made and "trainable" not in text else [])
    )
    row.evidence = "it was created with trainable=False, so a tape does not watch it by itself"
    row.confidence = 0.9
    name = str(getattr(source.value, "name", "")) + str(getattr(source.given, "path", ""))
    return finish(row, statistic="moving_" in name)


def _not_watched(run: Run, flow: Flow, source: Source, scene: Scene, row: Row) -> Row:
    rebound = rebinding(source, scene)
    if rebound is not None:
        row.cause, row.where = "variable-rebound", [rebound, *place_of(disconnected.first_use(run, flow))]
        row.evidence = f"`{rebound.code}` made a plain tensor of the variable; watched, its gradient would be there"
    else:
        row.cause, row.where = "not-watched", place_of(disconnected.first_use(run, flow))
        norm = run.norm(run.seed(source))
        row.evidence = (
            f"watched, its gradient would be there (norm {norm:.3g})"
            if norm is not None
            else "a tape does not watch plain tensors"
        )
    first = disconnected.first_use(run, flow)
    row.op = first.type if first else ""
    row.confidence = 0.95
    return finish(_drawn(run, flow, row, first))


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
                "Variable" in binding.dotted(c.func) or "add_weight" in binding.dotted(c.func)
                for c in binding.calls(d.value)
            )
        ]
        updates = [
            d
            for d in [*found, *whole]
            if any(n == name or n == name.partition("[")[0] or n.endswith("." + last) for n in binding.names(d.value))
            and d not in made
        ]
        if made and updates:
            return updates[-1].place
    return None


# Ops that hand on a part of what they get: a zero behind them says that this part is not used.
_PARTS = {
    "Pack", "Unpack", "ConcatV2", "StridedSlice", "Slice", "Split", "SplitV", "GatherV2", "GatherNd", "TensorListStack",
    "TensorListGetItem", "Transpose", "Reshape", "ReverseV2",
}  # fmt: skip
_SEVERED = {"stop-gradient", "state-assign", "py-function", "numpy-conversion", "custom-gradient"}


def _severed(run: Run, flow: Flow, source: Source, scene: Scene) -> Finding | None:
    """The cut on the path that the loss does use, where what is left of the source is a part that it does not use."""
    for cut in locate.cuts(run, flow):
        label = cause.of_cut(run, flow, cut)
        if label in _SEVERED:
            evidence = _gradient_sentence(run, flow, cut, "none")
            return Finding(label, place_of(cut.op), cut.op.type, evidence, 0.75, cut.op)
    return leaving.find(run, flow, source, scene)


def zero_row(run: Run, source: Source, scene: Scene, again: disconnected.Again | None = None) -> Row:
    """A row for a gradient of zeros."""
    row = Row(source.name, "zero", norm=0.0)
    flow = run.between(source)
    if run.kind(run.seed(source)) == "ok" and run.trace.calls:
        return graphs.mode_row(run, flow, source, "zero", disconnected.last_use(run, flow))
    cut = _python_zero(flow) if run.error is not None else None
    cut = cut or locate.where_zero(run, flow, run.seed(source)) or _python_zero(flow)
    other = None
    if cut is None and not flow.reached:
        other = disconnected.explain(run, flow, source, scene, again)
    elif cut is not None and cut.how == "flat" and cut.op.type in _PARTS:
        other = _severed(run, flow, source, scene)
    if other is not None:
        row.cause, row.where, row.op = other.cause, other.where, other.op
        row.evidence, row.confidence = other.evidence, min(other.confidence, 0.75)
        return finish(_drawn(run, flow, row, other.cut))
    if cut is None:
        row.cause, row.evidence, row.confidence = "zero-saturated", "every step passes on zero", 0.3
        row.where = place_of(disconnected.last_use(run, flow))
        return finish(row)
    row.cause, blamed = cause.of_zero(run, flow, cut)
    row.where, row.op = place_of(blamed), blamed.type
    if blamed is not cut.op:
        row.where += [p for p in place_of(cut.op) if p not in row.where]
    row.evidence = _gradient_sentence(run, flow, cut, "zero")
    row.confidence = 0.8
    return finish(_drawn(run, flow, row, blamed))


def _python_op(flow: Flow) -> Op | None:
    """The op nearest the loss that runs a Python function."""
    return next((op for op in reversed(flow.path) if op.type in cause.PYTHON), None)


def _python_zero(flow: Flow) -> Cut | None:
    op = _python_op(flow)
    return Cut(op, "flat", flow.carriers[op.index][0]) if op is not None else None


def not_finite_row(run: Run, source: Source, status: str) -> Row:
    """A row for a NaN or infinite gradient."""
    row = Row(source.name, status)
    flow = run.between(source)
    cut = locate.where_not_finite(run, flow)
    if cut is None:
        row.evidence, row.confidence = "the place was not found", 0.2
        row.where = place_of(disconnected.last_use(run, flow))
        row.cause = "nan-forward"
        return finish(row)
    row.cause = cause.of_not_finite(run, flow, cut)
    _describe(run, flow, row, cut)
    row.evidence = _gradient_sentence(run, flow, cut, status)
    row.confidence = 0.85
    return finish(_drawn(run, flow, row, cut.op))


def raises_row(run: Run | None, source: Source, error: BaseException, where: list[Place]) -> Row:
    """A row for a gradient call that raised."""
    row = Row(
        source.name, "raises", message=f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
    )
    flow = run.between(source) if run is not None else None
    label, op, kind = cause.raised_by(run, flow, error)
    row.op = kind
    row.cause = label or refusal(error)
    inner = _python_op(flow) if row.cause == "api-misuse" and flow is not None else None
    if inner is not None and not where:
        # Nothing of the learner's raised it: going back through the Python function did.
        row.cause, op, row.op = "py-function", inner, inner.type
    row.where = place_of(op) or where
    row.evidence = "the gradient call raised this"
    row.confidence = 0.9 if label else 0.6
    return finish(row)


def refusal(error: BaseException) -> str:
    """The label of an exception that is not about an op without gradient."""
    text = str(error)
    if (
        "custom_gradient" in text
        or "@custom_gradient" in text
        or "grad_fn" in text
        or "keyword argument 'variables'" in text
    ):
        return "custom-gradient"
    if "IndexedSlices" in text:
        return "indexed-slices"
    if "Tape is" in text or "tape is" in text:
        return "tape-misuse"
    if isinstance(error, RuntimeError) and (
        "persistent" in text
        or "non-persistent" in text
        or "already recording" in text
        or "not recording" in text
        or "active" in text
    ):
        return "tape-misuse"
    return "api-misuse"


def ok_row(run: Run, source: Source, gradient: Any) -> Row:
    """A row for a gradient that is there, with its path."""
    row = Row(source.name, "ok")
    values = gradient.values if isinstance(gradient, tf.IndexedSlices) else gradient
    row.norm = float(tf.norm(tf.cast(tf.abs(values), tf.float64)))
    return row


# Steps and counts are flat almost everywhere: they cannot be what a settled finite difference contradicts.
_FLAT_LABELS = {"integer-cast", "comparison", "argmax", "argsort-topk-index", "random-sampling"}


def suspicions(run: Run, source: Source) -> tuple[Flow, list[Cut]]:
    """Side paths of a source on which a slope can be lost."""
    flow = run.between(source)
    found = []
    for cut in locate.cuts(run, flow):
        label = cause.of_cut(run, flow, cut)
        # A stop_gradient that the learner did not write stands in a library formula (moments, for one) that is right
        # as a whole.
        theirs = (
            cut.op.type == "StopGradient"
            and cut.op.stack
            and "stop_gradient" not in " ".join(p.code for p in place_of(cut.op))
        )
        if (
            label in _FLAT_LABELS
            or theirs
            or cut.op.type in cause.FLAT
            or (label == "custom-gradient" and locate.bypassed(run, flow, cut))
        ):
            continue
        found.append(cut)
    return flow, found


def partial_row(run: Run, flow: Flow, source: Source, cut: Cut | None, found: Finding | None, sentence: str) -> Row:
    """A row for a gradient that misses a path."""
    row = Row(source.name, "partial")
    if cut is not None:
        row.cause = cause.of_cut(run, flow, cut)
        _describe(run, flow, row, cut)
        _drawn(run, flow, row, cut.op)
    elif found is not None:
        row.cause, row.where, row.op = found.cause, found.where, found.op
    row.evidence = sentence
    row.confidence = 0.85
    return finish(row)


def _describe(run: Run, flow: Flow, row: Row, cut: Cut) -> None:
    row.where, row.op = place_of(cut.op), cut.op.type
    row.norm = run.norm(cut.key) if cut.key is not None else None


def _gradient_sentence(run: Run, flow: Flow, cut: Cut, what: str) -> str:
    op = cut.op
    norms = [n for n in (run.norm(o) for o in op.outs) if n is not None]
    after = (
        f"the gradient arrives at the output of {op.type} with norm {norms[0]:.3g}"
        if norms
        else f"{op.type} has no gradient to pass on"
    )
    if cut.how == "state":
        return (
            f"the value is written into a variable by {op.type}; what is read from there later is cut off "
            f"from how it was made"
        )
    words = {
        "none": "none leaves it towards the source",
        "zero": "zero leaves it",
        "nan": "NaN leaves it",
        "inf": "infinity leaves it",
    }
    if cut.how == "cancel":
        return f"{after}; what its inputs get adds up to exactly zero"
    if cut.how == "forward":
        return f"{op.type} already gives values that are not finite in the forward pass"
    return f"{after}; {words[what]}"


def _drawn(run: Run, flow: Flow, row: Row, cut: Op | None, limit: int = 24) -> Row:
    """Add the path: one step for each learner line, source first, with the norm at its last value."""
    steps: list[Step] = []
    order = flow.path or [op for op in run.trace.ops if op.index in flow.carriers]
    by_line: dict[tuple[str, int], tuple[Place, Op]] = {}
    for op in order:
        if op.stack and op.type not in WRITTEN:
            code, line = op.stack[0]
            by_line[code.co_filename, line] = (Place(code.co_filename, line, code.co_name), op)
    if cut is not None and cut.stack:
        code, line = cut.stack[0]
        by_line[code.co_filename, line] = (Place(code.co_filename, line, code.co_name), cut)
    for place, op in sorted(by_line.values(), key=lambda item: item[1].index):
        norms = [n for n in (run.norm(o) for o in op.outs) if n is not None]
        steps.append(Step(place, op.type, norms[0] if norms else None, cut is not None and op.index == cut.index))
    if len(steps) > limit:
        middle = [s for s in steps if s.cut]
        steps = (
            steps[: limit // 2]
            + [s for s in middle if s not in steps[: limit // 2] and s not in steps[-limit // 2 :]]
            + steps[-limit // 2 :]
        )
    row.path = steps
    return row
