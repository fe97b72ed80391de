"""Where a gradient ends in a traced graph: inside loops, branches and compiled functions, by structure."""

from __future__ import annotations

from typing import Any

from gradlab.doctor.analysis import graph_cuts, graph_functions
from gradlab.doctor.analysis.graph_cuts import CARRIES, GraphCut, GraphRun
from gradlab.doctor.analysis.graph_reachability import Reachability
from gradlab.doctor.certainty import Proof
from gradlab.doctor.op_types import BRANCHES, LOOPS, PIECEWISE_SLOPES, is_call
from gradlab.doctor.recording.frames import places
from gradlab.doctor.recording.recorded_run import Run
from gradlab.doctor.recording.sources import Eager
from gradlab.doctor.recording.trace import Op
from gradlab.doctor.rules import CUT, NO_PATH, Case, Finding, Kind, find, rule
from gradlab.doctor.rules.case import place_of
from gradlab.doctor.rules.control_flow import LOOP
from gradlab.doctor.rules.detached_op import COMPARISON
from gradlab.doctor.rules.second_derivative import SECOND, slope_sentence
from gradlab.doctor.rules.unconnected import UNCONNECTED
from gradlab.doctor.rules.zero import SATURATED

FILLED = "the graph returns zeros where an eager run gives None: a loop or a branch of a graph fills them in"


def _graph(case: Case) -> GraphRun | None:
    """The run of a graph whose gradients were found by structure, if the case has one."""
    run = case.run
    return run if isinstance(run, GraphRun) and run.structural else None


def _shown(kind: str) -> str:
    return "the loop" if kind in LOOPS else "the branch" if kind in BRANCHES else "the tf.function"


# --- the case has a traced graph -------------------------------------------------------------------------------------


@rule(Kind.ZERO, rank=10)
def filled_in_by_the_graph(case: Case) -> Finding | None:
    """The graph has no way for a gradient, and yet returns one: only zeros can stand there."""
    if _graph(case) is None or case.alive:
        return None
    found = find(case.but(status=Kind.NONE), Kind.NONE)
    if found is not None:
        found.evidence = f"{found.evidence}; {FILLED}"
        found.norm, found.status = 0.0, Kind.ZERO
    return found


@rule(Kind.ZERO, rank=12, cause=SATURATED)
def zero_by_construction(case: Case) -> Finding | None:
    """Every way from the source leads through an operation whose gradient is zero whatever its input is (tf.sign)."""
    run = _graph(case)
    if run is None:
        return None
    seen = graph_cuts.GraphTrace(run.trace, run.origin, [])
    strict = graph_cuts.graph_run(run.reach, seen, run.targets, CARRIES, run.key)
    found = next(graph_cuts.all_of(run.reach, strict, case.flow, [case.seed], CARRIES), None)
    if found is None:
        return None
    evidence, cause = f"the gradient of {found.op.type} is zero whatever its input is", None
    if found.op.type in PIECEWISE_SLOPES:
        evidence, cause = slope_sentence(found.op), SECOND
    return Finding(place_of(found.op), evidence, (Proof.FLOW,), found.op.type, found.drawn, cause, norm=0.0)


@rule(Kind.NONE, rank=55)
def ends_inside(case: Case) -> Finding | None:
    """The gradient ends at a loop, a branch or a call. Its body shows the operation that passes none on."""
    run = _graph(case)
    if run is None or not case.flow.reached or not case.cuts or case.cut.op.index not in run.origin:
        return None
    inside = next(graph_cuts.within(run.reach, run, case.flow, case.cut, others=case.cuts), None)
    return _told(case, inside) if inside is not None and inside.around else None


def _told(case: Case, cut: GraphCut) -> Finding | None:
    """What the rules for cuts say of one inside a body."""
    found = find(case.but(run=cut.run, given_flow=cut.flow, given_cut=cut.cut, call=None, check=None), CUT)
    if found is not None:
        found.evidence = f"inside {_shown(cut.around[-1].type)}, {found.evidence}"
        found.blamed = cut.drawn
    return found


@rule(NO_PATH, rank=15, cause=LOOP)
def steers_in_a_graph(case: Case) -> Finding | None:
    """The values that carry the source go into the condition of a loop or branch that the loss needs, and nowhere else
    on the way to it."""
    run = _graph(case)
    found = graph_cuts.steered(run.reach, run, case.flow) if run is not None else None
    if found is None:
        return None
    what, op, decides = found
    where = places(graph_cuts.frames_of(decides) or op.stack)  # type: ignore[arg-type]
    if what == "loop":
        return Finding(where, "it only decides how often a loop runs", (Proof.FLOW,), decides.type, op)
    return Finding(where, "it only decides which branch runs", (Proof.FLOW,), decides.type, op, COMPARISON)


@rule(NO_PATH, rank=85, cause=UNCONNECTED)
def last_use_in_a_graph(case: Case) -> Finding | None:
    """The source was last used in a loop, a branch or a function, and nothing of that reaches the loss."""
    run = _graph(case)
    op = graph_cuts.last_use(run.reach, run, case.flow) if run is not None else None
    if op is None:
        return None
    evidence = "the loss does not depend on it; this is its last use"
    return Finding(place_of(op), evidence, (Proof.FLOW,), op.type, case.last_use)


# --- the functions ran eagerly for the record, and compiled for the user's tape ---------------------------------------


@rule(Kind.ZERO, rank=14)
def zeros_where_eager_has_none(case: Case) -> Finding | None:
    """Run eagerly the source gets None from an op on the way; the user's run, in which a tf.function was compiled, gave
    zeros for it."""
    run = case.recorded
    if _graph(case) is not None or run.error is not None or not run.trace.calls:
        return None
    if case.alive or not case.flow.reached or not case.cuts:
        return None
    found = find(case.but(status=Kind.NONE), CUT)
    if found is not None:
        found.evidence = f"{found.evidence}; {FILLED}"
        found.norm, found.status = 0.0, Kind.ZERO
    return found


# --- an eager tape recorded the call of a compiled tf.function as one op -----------------------------------------------


def graph_behind(run: Run, op: Op) -> Any:
    """The traced graph of a call in an eager record, None if it is not known. Nothing is traced for the question."""
    inputs = [run.trace.tensors[k] for k in op.ins]
    for before, function, _, _ in reversed(run.trace.calls):
        if before > op.index:
            continue
        for graph in graph_functions.compiled_graphs(function):
            held = {id(inside): run.key(outer) for outer, inside in graph.captures if isinstance(outer, Eager)}
            if len(graph.inputs) == len(op.ins) and all(
                t.dtype == value.dtype and held.get(id(t), k) == k
                for t, value, k in zip(graph.inputs, inputs, op.ins, strict=True)
            ):
                return graph
    return None


@rule(Kind.NONE, Kind.ZERO, rank=28)
def inside_a_compiled_function(case: Case) -> Finding | None:
    """The source goes through a tf.function that ran as one op. The structure of its graph shows where it ends; nothing
    is run for that."""
    run = case.recorded
    op = _call_to_blame(case)
    graph = graph_behind(run, op) if op is not None and not graph_functions.fault() else None
    if op is None or graph is None:
        return None
    carried = set(case.flow.carriers.get(op.index, ()))
    starts = [t for t, k in zip(graph.inputs, op.ins, strict=True) if k in carried]
    ends = [t for t, k in zip(graph.outputs, op.outs, strict=False) if run.live(k)]
    at = op.stack[0] if op.stack else None
    reach = Reachability((at[0].co_filename, at[1]) if at is not None else None)
    inner, flow, seeds = graph_cuts.examine(reach, graph, ends, starts, op.stack)
    if not seeds:
        return None
    source = case.asked.value
    inner.key = lambda thing: seeds[0] if thing is source or thing is getattr(source, "handle", source) else id(thing)
    there = [k for k in seeds if k in inner.gradients]
    if there and (case.status is Kind.NONE or set(there) & reach.live(inner.targets, CARRIES)):
        return None
    inside = case.but(run=inner, given_flow=flow, call=None, check=None)
    found = find(inside, case.status)
    if found is not None:
        found.where += [p for p in place_of(op) if p not in found.where]
        found.evidence = f"inside the tf.function, {found.evidence.removeprefix('inside the tf.function, ')}"
        found.blamed = op
    return found


def _call_to_blame(case: Case) -> Op | None:
    """The call at which the gradient ends, or through which the source would reach the loss."""
    run, flow = case.recorded, case.flow
    calls = [op for op in flow.path if is_call(op.type)] if not isinstance(run, GraphRun) else []
    if not calls:
        return None
    if case.status is Kind.NONE and case.cuts:
        return case.cut.op if is_call(case.cut.op.type) else None
    if case.status is Kind.ZERO:
        # A call that gets a gradient and gives zeros for the source.
        return next(
            (o for o in reversed(calls) if any(run.kind(k) == "ok" for k in o.outs) and not _gives(case, o)), None
        )
    return calls[-1]


def _gives(case: Case, op: Op) -> bool:
    return any(case.recorded.kind(k) == "ok" for k in case.flow.carriers.get(op.index, ()))
