"""Where a way through a traced graph ends: the graph as a trace, its gradients by structure, and the operation inside
loops, branches and functions that cuts.

`find(graph, targets, sources)` is the whole of it for a caller that has a graph and no tape.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import tensorflow as tf

from gradlab.doctor.analysis import cuts, dataflow
from gradlab.doctor.analysis import graph_functions as private
from gradlab.doctor.analysis.cuts import Cut
from gradlab.doctor.analysis.dataflow import Flow
from gradlab.doctor.analysis.graph_reachability import Reachability, closed
from gradlab.doctor.op_types import BRANCHES, COMPOSITE, CONDITION_COPIES, COPIES, GRAPH_LEAVES, LOOPS, is_write
from gradlab.doctor.recording.frames import is_user_file
from gradlab.doctor.recording.recorded_run import Run
from gradlab.doctor.recording.sources import FLOATS
from gradlab.doctor.recording.trace import Op, Trace

# Loops that hand the same list on, one after the other: real programs have two or three.
MAX_LIST_STEPS = 10
PASSES, CARRIES = "passes", "carries"  # any gradient at all; one that is not zero by construction


@dataclass(frozen=True)
class Spot:
    """A line's function, as a code object tells it."""

    co_filename: str
    co_name: str


def frames_of(operation: Any) -> tuple[tuple[Spot, int], ...]:
    """The learner's lines that made an operation, innermost first."""
    return tuple(
        (Spot(f.filename, f.name), f.lineno)
        for f in reversed(list(operation.traceback or ()))
        if is_user_file(f.filename)
    )


def marks_of(operation: Any) -> frozenset[str]:
    """The mark of the operation that stands for a function with a gradient of its own."""
    if operation.type != "IdentityN":
        return frozenset()
    try:
        own = str(operation.get_attr("_gradient_op_type"))
    except ValueError:
        return frozenset()
    return frozenset({"custom_gradient"} if "CustomGradient" in own else ())


class GraphRun(Run):
    """A traced graph as a run: its gradients are there or not, without a size.

    A loop, a branch or a call appears in the trace once for each output, with the inputs that this output depends on.
    """

    structural = True

    def __init__(self, trace: Trace, targets: list[Any], key: Callable[[Any], int]) -> None:
        super().__init__(trace, targets, key)
        self.reach = Reachability()
        self.origin: dict[int, tuple[Any, int]] = {}  # index of such an op -> the operation and the output

    def norm(self, k: int) -> float | None:
        return None

    def enters(self, op: Op, k: int) -> bool:
        """Does a loop, a branch or a call take floats in through `k`, in a list?"""
        return op.index in self.origin and _lists_floats(self.value(k))


def _lists_floats(tensor: Any) -> bool:
    """Is a tensor of a graph a list of floats, as far as the op tells that made it?"""
    for _ in range(MAX_LIST_STEPS):
        if getattr(tensor, "dtype", None) != tf.variant:
            return False
        operation = tensor.op
        if operation.type in LOOPS:  # a loop gives back the list that it was given
            tensor = operation.inputs[tensor.value_index]
        elif "element_dtype" in operation.node_def.attr:
            return operation.get_attr("element_dtype") in FLOATS
        else:
            return False
    return False


@dataclass
class GraphTrace:
    """The operations of a graph as a trace whose keys are the ids of the tensors."""

    trace: Trace
    origin: dict[int, tuple[Any, int]]  # index of an op that stands for a loop, branch or call -> the operation, output
    starts: list[int]  # number of an operation in the graph -> the index of its first op


def graph_trace(
    reach: Reachability,
    operations: Iterable[Any],
    tapes: Callable[[int], frozenset[int]] = lambda number: frozenset(),
    around: tuple[tuple[Spot, int], ...] = (),
    split: bool = True,
) -> GraphTrace:
    """The operations of a graph as a trace.

    `tapes` tells which tapes recorded the operation with a number; `around` are the lines for operations that have none
    of their own; without `split` a loop, a branch or a call is one op.
    """
    trace = Trace(first_key=sys.maxsize)
    origin: dict[int, tuple[Any, int]] = {}
    starts: list[int] = []

    def add(ins: list[Any], outs: list[Any], made: Any, recorded: frozenset[int]) -> None:
        lines: Any = frames_of(made) or around
        keys = tuple(map(id, ins)), tuple(map(id, outs))
        trace.add(Op(len(trace.ops), made.type, *keys, lines, marks_of(made), None, recorded), ins, outs)

    for number, operation in enumerate(operations):
        starts.append(len(trace.ops))
        if operation.type in GRAPH_LEAVES:
            for t in operation.outputs:
                trace.tensors[id(t)] = t
            continue
        recorded, inputs, outputs = tapes(number), list(operation.inputs), list(operation.outputs)
        if operation.type not in COMPOSITE or not split:
            add(inputs, outputs, operation, recorded)
            continue
        ways = reach.ways(operation)
        for o, t in enumerate(outputs):
            add([inputs[n] for n in sorted(ways.needs[o])], [t], operation, recorded)
            origin[len(trace.ops) - 1] = operation, o
        for handle, values, made in ways.writes:
            add([inputs[handle], *(inputs[n] for n in sorted(values))], [], made, recorded)
    return GraphTrace(trace, origin, starts)


def graph_run(
    reach: Reachability,
    seen: GraphTrace,
    targets: list[Any],
    kind: str = PASSES,
    key: Callable[[Any], int] = id,
) -> GraphRun:
    """A run of a graph whose table of gradients is filled by structure."""
    run = GraphRun(seen.trace, targets, key)
    run.origin, run.reach = seen.origin, reach
    run.asked = set(seen.trace.tensors)
    there = tf.constant(1.0)
    starts = [t for t in targets if t.dtype in private.DIFFERENTIABLE]
    run.gradients = {k: there for k in reach.live(starts, kind)}
    return run


@dataclass
class GraphCut:
    """One place where a way through a graph ends."""

    run: GraphRun
    flow: Flow
    cut: Cut
    around: list[Any] = field(default_factory=list)  # loops, branches and calls around it, outermost first
    outer: Op | None = None  # the op of the outermost trace in which it lies

    @property
    def op(self) -> Op:
        """The op that cuts."""
        return self.cut.op

    @property
    def drawn(self) -> Op:
        """The same, with its place in the order of the outermost trace."""
        op = copy.copy(self.cut.op)
        op.index = self.outer.index if self.outer is not None else op.index
        return op


def within(
    reach: Reachability, run: Run, flow: Flow, cut: Cut, kind: str = PASSES, others: Iterable[Cut] = ()
) -> Iterator[GraphCut]:
    """The cut itself; for one at a loop, a branch or a call, those in its bodies, of each body the decisive one.

    `others` are cuts of the same run: those at further outputs of the same loop are looked for together with it."""
    origin = getattr(run, "origin", {}).get(cut.op.index)
    if origin is None:
        yield GraphCut(run, flow, cut)  # type: ignore[arg-type]
        return
    operation, o = origin
    beside = {c.op.index for c in others if run.origin.get(c.op.index, (None, 0))[0] is operation}  # type: ignore[attr-defined]
    carried = {k for index in {cut.op.index, *beside} for k in flow.carriers.get(index, ())}
    came = {n for n, t in enumerate(operation.inputs) if id(t) in carried}
    wanted = {o} | {run.origin[index][1] for index in beside}  # type: ignore[attr-defined]
    inner = list(in_bodies(reach, operation, came, wanted, cut.op.stack, kind))
    for found in inner:
        found.around.insert(0, operation)
        found.outer = cut.op
    yield from inner or [GraphCut(run, flow, cut)]  # type: ignore[arg-type]


def in_bodies(
    reach: Reachability, operation: Any, came: set[int], wanted: set[int], around: Any = (), kind: str = PASSES
) -> Iterator[GraphCut]:
    """The cuts between some inputs of a loop, a branch or a call and some of its outputs."""
    shift = 1 if operation.type in BRANCHES else 0
    for graph in private.bodies(operation):
        starts = {n - shift for n in came if n >= shift}
        ends = {n for n in wanted if n < len(graph.outputs)}
        entered = [id(graph.inputs[n]) for n in sorted(starts) if n < len(graph.inputs)]
        if operation.type in LOOPS:
            starts, ends = _over_turns(reach, graph, starts, ends, kind)
        targets = [graph.outputs[n] for n in sorted(ends)]
        sources = [graph.inputs[n] for n in sorted(starts) if n < len(graph.inputs)]
        run, flow, _ = examine(reach, graph, targets, sources, around, kind)
        if operation.type in LOOPS:
            run.turns = {id(o): id(i) for o, i in zip(graph.outputs, graph.inputs, strict=False)}
        if flow.reached:
            yield from all_of(reach, run, flow, entered, kind)


def _over_turns(
    reach: Reachability, graph: Any, starts: set[int], ends: set[int], kind: str
) -> tuple[set[int], set[int]]:
    """The inputs of a loop's body that carry the source in some turn, and the outputs that matter in some turn."""
    masks = reach.masks(graph)
    width = range(len(graph.inputs))

    def one(table: dict[int, int]) -> dict[int, set[int]]:
        return {n: {k for k in width if table.get(id(t), 0) >> k & 1} for n, t in enumerate(graph.outputs)}

    needs, passes = closed(one(masks.needs)), closed(one(getattr(masks, kind)))
    carried = starts | {n for n, got in needs.items() if got & starts}
    return carried, {k for n in ends for k in passes.get(n, {n}) if k < len(graph.outputs)} | ends


def examine(
    reach: Reachability, graph: Any, targets: list[Any], sources: list[Any], around: Any = (), kind: str = PASSES
) -> tuple[GraphRun, Flow, list[int]]:
    """A graph as a run, the flow in it from some of its tensors to others, and the keys of the former."""
    seen = graph_trace(reach, graph.get_operations(), around=around)
    for t in (*sources, *targets):
        seen.trace.tensors.setdefault(id(t), t)
    run = graph_run(reach, seen, targets, kind)
    seeds = [id(t) for t in sources]
    return run, dataflow.between(seen.trace, seeds, run.target_keys, run.reads), seeds


def find(graph: Any, targets: list[Any], sources: list[Any], reach: Reachability | None = None) -> list[GraphCut]:
    """The operations at which the ways from `sources` to `targets` (tensors of `graph`) end, the decisive one first;
    empty if a gradient passes, or if no value of the targets depends on the sources."""
    reach = reach or Reachability()
    run, flow, seeds = examine(reach, graph, targets, sources)
    return list(all_of(reach, run, flow, seeds)) if flow.reached else []


def all_of(reach: Reachability, run: Run, flow: Flow, seeds: list[int], kind: str = PASSES) -> Iterator[GraphCut]:
    """The cuts of a run of a graph, the decisive one first, each looked into."""
    found = [c for c in cuts.cuts(run, flow) if not is_write(c.op.type) or c.how == "state"]
    if found:
        first = cuts.separating_cut(run, found, *seeds)
        entered: list[Any] = []
        for cut in [first, *(c for c in found if c is not first)]:
            operation, _ = getattr(run, "origin", {}).get(cut.op.index, (None, 0))
            if operation is None or not any(operation is seen for seen in entered):
                entered.append(operation)
                yield from within(reach, run, flow, cut, kind, found)


def _entered(reach: Reachability, run: GraphRun, flow: Flow, index: int) -> Iterator[tuple[GraphRun, Flow]]:
    """The bodies of the loop, branch or call that an op stands for, as runs, with the flow of what came in there."""
    operation, _ = run.origin[index]
    came = {n for n, t in enumerate(operation.inputs) if id(t) in flow.tainted}
    shift = 1 if operation.type in BRANCHES else 0
    for graph in private.bodies(operation) if came else ():
        starts, ends = {n - shift for n in came if n >= shift}, set(range(len(graph.outputs)))
        if operation.type in LOOPS:
            starts, ends = _over_turns(reach, graph, starts, ends, PASSES)
        sources = [graph.inputs[n] for n in sorted(starts) if n < len(graph.inputs)]
        targets = [graph.outputs[n] for n in sorted(ends)]
        inner, further, _ = examine(reach, graph, targets, sources, run.trace.ops[index].stack)
        yield inner, further


def last_use(reach: Reachability, run: GraphRun, flow: Flow) -> Op | None:
    """The last op of the learner's that used the source, in the bodies of loops, branches and calls as well."""
    for op in reversed(run.trace.ops):
        if op.index not in flow.carriers or not op.stack or op.type in COPIES:
            continue  # a loop copies its variables at its own line
        code, line = op.stack[0]
        if (code.co_filename, line) == reach.asked:
            continue  # a list in which a loop keeps values for its gradient
        if op.index in run.origin:
            for inner, further in _entered(reach, run, flow, op.index):
                found = last_use(reach, inner, further)
                if found is not None:
                    return found
        return op
    return None


def steered(reach: Reachability, run: GraphRun, flow: Flow) -> tuple[str, Op, Any] | None:
    """Where values that carry the source only decide how often a loop runs ("loop") or which branch ("branch"): the op
    and the operation that computes the decision. None if they decide nothing that the targets need."""
    for index, (operation, _) in run.origin.items():
        if index not in flow.needed:
            continue
        op = run.trace.ops[index]
        came = {n for n, t in enumerate(operation.inputs) if id(t) in flow.tainted}
        if came & reach.ways(operation).steers:
            loop = operation.type in LOOPS
            test = private.condition(operation).outputs[0] if loop else operation.inputs[0]
            return ("loop" if loop else "branch"), op, _decision(test.op, operation)
        for inner, further in _entered(reach, run, flow, index):
            found = steered(reach, inner, further)
            if found is not None:
                return found
    return None


def _decision(test: Any, otherwise: Any) -> Any:
    """The operation of the learner's that a decision comes from."""
    for _ in range(10):  # as many copies as a condition passes through at most
        if test.type not in CONDITION_COPIES and frames_of(test):
            return test
        if not test.inputs:
            break
        test = test.inputs[0].op
    return otherwise
