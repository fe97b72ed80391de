"""Where values leave TensorFlow: conversions to Python and NumPy, and where a number comes back into an op."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from gradlab.doctor.analysis.dataflow import Flow
from gradlab.doctor.op_types import is_call
from gradlab.doctor.recording.frames import Place, places
from gradlab.doctor.recording.recorded_run import Run
from gradlab.doctor.recording.sources import Source
from gradlab.doctor.recording.trace import Conversion, Op, Trace
from gradlab.doctor.source_code import syntax
from gradlab.doctor.source_code.host_calls import host_call, how_of, in_text, is_logging_call, readers
from gradlab.doctor.source_code.nodes import counts_a_comprehension, node_of
from gradlab.doctor.source_code.scope import UserScope

# Conversions that decide what runs, and hand no value on.
CONTROL = frozenset({"__bool__", "__iter__"})


def control_of(c: Conversion) -> str:
    """What the conversion decides: "loop" or "branch"; "" if it hands on a value."""
    if c.marks and "while_loop" in c.marks:
        return "loop"
    if "cond" in c.marks:
        return "branch"
    if not c.stack:
        return ""
    code, line = c.stack[0]
    if counts_a_comprehension(node_of(c.spot)):
        return "loop"
    statement = syntax.statement_at(code.co_filename, line)
    if isinstance(statement, ast.While):
        return "loop"
    if isinstance(statement, ast.For):
        return "loop" if statement.lineno <= line <= (statement.iter.end_lineno or line) else ""
    if c.kind == "__bool__":
        return "branch"
    return ""


def only_counts(c: Conversion) -> bool:
    """Is the converted number assigned to names that are used nowhere but in range() or a loop's condition?"""
    if not c.stack:
        return False
    code, line = c.stack[0]
    statement = syntax.statement_at(code.co_filename, line)
    if not isinstance(statement, ast.Assign) or not all(isinstance(t, ast.Name) for t in statement.targets):
        return False
    names = {t.id for t in statement.targets if isinstance(t, ast.Name)}
    tree = syntax.module(code.co_filename)
    scope = syntax.scopes(tree, line)[0] if tree else None
    if scope is None:
        return False
    uses = [n for n in ast.walk(scope) if isinstance(n, ast.Name) and n.id in names and isinstance(n.ctx, ast.Load)]
    counted: set[int] = set()
    for n in ast.walk(scope):
        if isinstance(n, (ast.For, ast.comprehension)) and syntax.is_count(n.iter):
            counted |= {id(x) for x in ast.walk(n.iter)}
        if isinstance(n, ast.While):
            counted |= {id(x) for x in ast.walk(n.test)}
    return bool(uses) and all(id(u) in counted for u in uses)


def is_logged(stack: Any) -> bool:
    """Is the user's innermost line a print, a log call or an f-string?"""
    if not stack:
        return False
    code, line = stack[0]
    statement = syntax.statement_at(code.co_filename, line)
    return statement is not None and is_logging_call(statement)


def is_kept(c: Conversion) -> bool:
    """Is the result of a conversion assigned to a name, or returned, so that a later line can use it?"""
    code, line = c.stack[0] if c.stack else (None, 0)
    if code is None:
        return False
    return isinstance(syntax.statement_at(code.co_filename, line), (ast.Assign, ast.AugAssign, ast.Return))


def changed_inputs(base: Trace, other: Trace, handles: set[int]) -> tuple[list[Op], bool]:
    """Ops whose inputs from Python differ between two runs, and whether the two runs did different ops."""
    same = 0
    for a, b in zip(base.ops, other.ops, strict=False):
        if a.type != b.type or len(a.ins) != len(b.ins):
            break
        same += 1
    diverged = same < len(base.ops) or same < len(other.ops)
    found = []
    for op in base.ops[:same]:
        twin = other.ops[op.index]
        for k, j in zip(op.ins, twin.ins, strict=True):
            if k in base.producer or k in handles or j in other.producer or k == j:
                continue
            if _differ(base.tensors.get(k), other.tensors.get(j)):
                found.append(op)
    return found, diverged


def _differ(a: Any, b: Any) -> bool:
    try:
        x, y = np.asarray(a), np.asarray(b)
    except Exception:  # resources and variants have no numbers to compare
        return False
    return x.shape != y.shape or not bool(np.all((x == y) | ((x != x) & (y != y))))


def exit_place(run: Run, flow: Flow, back_in: Op | None) -> tuple[Place | None, str]:
    """The line where the value left TensorFlow (the last exit before it came back into `back_in`), and how: a method's
    name, or py_function."""
    limit = back_in.index if back_in is not None else sys.maxsize
    values = [
        c
        for c in run.trace.conversions
        if c.key in flow.tainted and c.kind not in CONTROL and c.before <= limit and not is_logged(c.stack)
    ]
    dead = [op for op in dead_ends(run, flow) if op.index < limit]
    heard = values[-1] if values else None
    back = places(back_in.stack) if back_in is not None else []
    for op in reversed(dead):
        if heard is not None and heard.before > op.index and op.outs and heard.key in op.outs:
            break
        found = exit_in_text(op, back[0] if back else None)
        if found is not None and (heard is None or op.index >= heard.before):
            return found
    if heard is not None and heard.stack:
        return places(heard.stack)[0], "py_function" if "py_function" in heard.marks else heard.kind
    for op in reversed(dead):
        for way, how, _ in in_text(places(op.stack)):
            return way[0], how
    if dead and dead[-1].stack:
        spot = places(dead[-1].stack)[0]
        if back and back[0].function != spot.function:
            near = _handed_over_before(back[0])
            if near is not None:
                return near
        return (back[0] if back and back[0].function == spot.function else spot), "numpy"
    return (back[0] if back else None), "numpy"


def _handed_over_before(back: Place) -> tuple[Place, str] | None:
    """The last line in front of `back`, in the same function, that hands something to NumPy or Python. It is nearer to where
    the value left than the line that made it, which is in another function; how it came here the text does not say
    (`f(*model(x))`)."""
    tree = syntax.module(back.file)
    scope = syntax.scopes(tree, back.line)[0] if tree else None
    found = None
    for s in syntax.statements(scope) if scope is not None and not isinstance(scope, ast.Module) else ():
        call = host_call(s) if s.lineno < back.line else None
        if call is not None:
            found = Place(back.file, call.lineno, back.function), how_of(call)
    return found


def dead_ends(run: Run, flow: Flow) -> list[Op]:
    """Ops that depend on the source and whose outputs nothing consumed."""
    used = {k for op in run.trace.ops for k in op.ins} | set(run.target_keys)
    return [op for op in run.trace.ops if op.index in flow.carriers and op.outs and not any(k in used for k in op.outs)]


def exit_in_text(op: Op, back: Place | None) -> tuple[Place, str] | None:
    """The line of the call into NumPy or Python that took this op's result, found in the text."""
    for spot in places(op.stack):
        statement = syntax.statement_at(spot.file, spot.line)
        if statement is None:
            continue
        call = host_call(statement)
        if call is not None:
            return Place(spot.file, call.lineno, spot.function), how_of(call)
        if not isinstance(statement, ast.Assign):
            continue
        names = {d for t in statement.targets for d in syntax.names(t)}
        in_same = back is not None and back.file == spot.file and back.function == spot.function
        last = back.line if back is not None and in_same else sys.maxsize
        tree = syntax.module(spot.file)
        scope = syntax.scopes(tree, spot.line)[0] if tree else None
        for s in syntax.statements(scope) if scope is not None else ():
            if spot.line <= s.lineno <= last:
                call = host_call(s, names)
                if call is not None:
                    return Place(spot.file, call.lineno, spot.function), how_of(call)
    return None


@dataclass
class Exit:
    """A line that takes a value out of TensorFlow, with the calls around it, after op number `after`."""

    spots: list[Place]
    how: str
    after: int
    heard: bool  # a conversion was heard there; otherwise the text says so


def host_inputs(run: Run, flow: Flow, source: Source) -> list[Op]:
    """Ops on the way to the loss that took in a number which nobody in TensorFlow had made before."""
    own, trace = run.seed(source), run.trace
    found = []
    for op in trace.ops:
        if op.index not in flow.needed or not op.stack:
            continue
        if any(k != own and run.from_host(k) and not run.is_resource(k) for k in op.ins):
            found.append(op)
    # A number that was passed to a tf.function is a constant of its graph: the call has no input for it.
    for before, _, args, kwargs in trace.calls:
        if any(isinstance(v, (float, int, np.number, np.ndarray)) for v in tf.nest.flatten((args, kwargs))):
            found += [op for op in trace.ops if op.index >= before and is_call(op.type) and op.index in flow.needed][:1]
    return found


def exits(run: Run, flow: Flow, source: Source, scope: UserScope) -> Iterator[Exit]:
    """Lines where the source's value left TensorFlow, the latest first."""
    found: list[Exit] = []
    for c in run.trace.conversions:
        if c.key in flow.tainted and c.kind not in CONTROL and c.stack and not is_logged(c.stack):
            how = "py_function" if "py_function" in c.marks else c.kind
            found.append(Exit(places(c.stack), how, c.before - 1, True))
    seen: set[tuple[Place, ...]] = set()
    for op in reversed(run.trace.ops):
        spots = tuple(places(op.stack))
        if op.index not in flow.carriers or not spots or spots in seen:
            continue
        seen.add(spots)
        ways = in_text(list(spots))
        found += [Exit(way, how, _returned(run, op, spots, level), False) for way, how, level in ways]
    if not source.is_variable:
        found += [Exit(way, how, -1, False) for way, how in _of_names(scope.aliases(source), scope)]
    order = {id(e): n for n, e in enumerate(found)}
    yield from sorted(found, key=lambda e: (-e.after, not e.heard, order[id(e)]))


def _returned(run: Run, op: Op, spots: tuple[Place, ...], level: int) -> int:
    """The number of the last op before the `level` innermost calls around an op had returned: what their caller does with the
    result comes later. Of a caller in a loop the calls can't be told apart, so there it is the op itself."""
    if not level or any(_repeats(spot) for spot in spots[level:]):
        return op.index
    around, last = op.stack[level:], op.index
    for later in run.trace.ops[op.index - run.trace.ops[0].index :]:
        if later.stack and later.stack[-len(around) :] != around:
            break
        last = later.index
    return last


def _repeats(spot: Place) -> bool:
    tree, statement = syntax.module(spot.file), syntax.statement_at(spot.file, spot.line)
    return tree is None or statement is None or syntax.in_loop(syntax.scopes(tree, spot.line)[0], statement)


def _of_names(names: set[str], scope: UserScope) -> Iterator[tuple[list[Place], str]]:
    """Calls into NumPy or Python on a source that has one of these names."""
    for file, line in scope.spots:
        tree = syntax.module(file)
        if tree is not None and names:
            yield from readers(tree, file, syntax.scopes(tree, line)[0], names, 0, [Place(file, line)], 2)
