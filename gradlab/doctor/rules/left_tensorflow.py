"""Did the path leave TensorFlow? Exits to Python and NumPy, and the op through which a changed number came back."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradlab.doctor.analysis.dataflow import Flow
from gradlab.doctor.recording.frames import Place, places
from gradlab.doctor.recording.recorded_run import Run
from gradlab.doctor.recording.trace import Conversion, Op, Trace
from gradlab.doctor.source_code import syntax
from gradlab.doctor.source_code.host_calls import host_call, how_of, in_text, is_speech_statement

CONTROL = {"__bool__", "__iter__"}


def control_of(c: Conversion) -> str:
    """ "loop", "branch", or "" for a conversion that hands on a value."""
    if c.marks and "while_loop" in c.marks:
        return "loop"
    if "cond" in c.marks:
        return "branch"
    if not c.stack:
        return ""
    code, line = c.stack[0]
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


def is_speech(stack: Any) -> bool:
    """Is the innermost learner line a print, a log call or an f-string?"""
    if not stack:
        return False
    code, line = stack[0]
    statement = syntax.statement_at(code.co_filename, line)
    return statement is not None and is_speech_statement(statement)


@dataclass
class Reentry:
    """The first op of the trace that took in a number which moves with the source."""

    op: Op
    slot: int


def _externals(trace: Trace) -> dict[tuple[int, int], Any]:
    found = {}
    for op in trace.ops:
        for i, k in enumerate(op.ins):
            if k not in trace.producer:
                found[op.index, i] = k
    return found


def changed_externals(base: Trace, other: Trace, handles: set[int]) -> tuple[list[Reentry], bool]:
    """Ops whose host-made inputs differ between two runs, and whether the two runs did different ops."""
    same = 0
    for a, b in zip(base.ops, other.ops, strict=False):
        if a.type != b.type or len(a.ins) != len(b.ins):
            break
        same += 1
    diverged = same < len(base.ops) or same < len(other.ops)
    found = []
    for op in base.ops[:same]:
        twin = other.ops[op.index]
        for i, (k, j) in enumerate(zip(op.ins, twin.ins, strict=True)):
            if k in base.producer or k in handles or j in other.producer or k == j:
                continue
            if _differ(base.tensors.get(k), other.tensors.get(j)):
                found.append(Reentry(op, i))
    return found, diverged


def _differ(a: Any, b: Any) -> bool:
    try:
        x, y = np.asarray(a), np.asarray(b)
    except Exception:  # resources and variants have no numbers to compare
        return False
    return x.shape != y.shape or not bool(np.all((x == y) | ((x != x) & (y != y))))


def exit_place(
    run: Run, flow: Flow, reentry: Op | None, extra: Callable[[Conversion], bool] = lambda c: False
) -> tuple[Place | None, str]:
    """The line where the value left TensorFlow (the last exit before it came back), and how: a method's name, or
    py_function."""
    limit = reentry.index if reentry is not None else sys.maxsize
    values = [
        c
        for c in run.trace.conversions
        if (c.key in flow.tainted or extra(c))
        and c.kind not in CONTROL
        and c.before <= limit
        and not is_speech(c.stack)
    ]
    dead = [op for op in dead_ends(run, flow) if op.index < limit]
    hook = values[-1] if values else None
    back = places(reentry.stack) if reentry is not None else []
    for op in reversed(dead):
        if hook is not None and hook.before > op.index and op.outs and hook.key in op.outs:
            break
        found = _refine(op, back[0] if back else None)
        if found is not None and (hook is None or op.index >= hook.before):
            return found
    if hook is not None and hook.stack:
        return places(hook.stack)[0], "py_function" if "py_function" in hook.marks else hook.kind
    for op in reversed(dead):
        for way, how in in_text(places(op.stack)):
            return way[0], how
    if dead and dead[-1].stack:
        spot = places(dead[-1].stack)[0]
        return (back[0] if back and back[0].function == spot.function else spot), "numpy"
    return (back[0] if back else None), "numpy"


def dead_ends(run: Run, flow: Flow) -> list[Op]:
    """Ops on the source's way whose outputs nothing consumed."""
    used = {k for op in run.trace.ops for k in op.ins} | set(run.target_keys)
    return [op for op in run.trace.ops if op.index in flow.carriers and op.outs and not any(k in used for k in op.outs)]


def _refine(op: Op, back: Place | None) -> tuple[Place, str] | None:
    """The line of the host call that took this op's result, found in the text."""
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
        last = back.line if back is not None and back.file == spot.file and back.function == spot.function else 10**9
        tree = syntax.module(spot.file)
        scope = syntax.scopes(tree, spot.line)[0] if tree else None
        for s in syntax.statements(scope) if scope is not None else ():
            if spot.line <= s.lineno <= last:
                call = host_call(s, names)
                if call is not None:
                    return Place(spot.file, call.lineno, spot.function), how_of(call)
    return None
