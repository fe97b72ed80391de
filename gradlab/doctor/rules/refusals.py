"""Rows for recorded calls that raised, could not be asked at all, or whose result the learner's next line refused."""

from __future__ import annotations

import ast
import dis
import sys
from typing import Any

import numpy as np

from gradlab.doctor.recording.frames import Place, places, traceback_places
from gradlab.doctor.recording.recorded_run import Run
from gradlab.doctor.recording.sources import Source
from gradlab.doctor.recording.tape_calls import Call
from gradlab.doctor.recording.trace import Trace
from gradlab.doctor.report.diagnosis import Row
from gradlab.doctor.report.wording import finish
from gradlab.doctor.rules import detached_op
from gradlab.doctor.rules.left_tensorflow import CONTROL
from gradlab.doctor.rules.raised import refusal
from gradlab.doctor.source_code import syntax
from gradlab.doctor.source_code.value_flow import passed_on, reads


def failed_later(call: Call) -> Place | None:
    """The learner's line that raised after the call, if the function that made the call ended with an exception."""
    frame = call.frame
    if frame is None:
        return None
    running = sys._getframe()
    while running is not None:
        if running is frame:
            return None
        running = running.f_back  # type: ignore[assignment]
    # Where a call went on, the offset may lie in the inline cache behind the instruction.
    last = max((i for i in dis.get_instructions(frame.f_code) if i.offset <= frame.f_lasti), key=_offset, default=None)
    if last is None or last.opname.startswith(("RETURN", "YIELD")):
        return None
    return Place(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name)


def _computing(at: Place, depth: int = 3) -> list[Place]:
    """The line that computes with what was handed on at `at`, and `at` itself: in the functions of the file that the line
    calls, as far as the text tells.
    """
    tree, statement = syntax.module(at.file), syntax.statement_at(at.file, at.line)
    for inner, passed, _ in passed_on(tree, statement, syntax.names(statement)) if tree and statement and depth else ():
        names = set(passed)
        for node in ast.walk(inner):  # what a loop over an argument gives is part of it
            if isinstance(node, (ast.For, ast.comprehension)) and syntax.names(node.iter) & names:
                names |= syntax.names(node.target)
        for s in sorted(_own_lines(inner), key=lambda s: s.lineno):
            computed = next((n for n in ast.walk(s) if isinstance(n, ast.BinOp) and _operands(n) & names), None)
            if computed is not None:
                return [Place(at.file, computed.lineno, inner.name), at]
            further = _computing(Place(at.file, s.lineno, inner.name), depth - 1) if reads(s) & names else []
            if len(further) > 1:
                return [*further, at]
    return [at]


def _operands(node: ast.BinOp) -> set[str]:
    """The names that stand on either side of an operator by themselves (not inside a call)."""
    return {d for side in (node.left, node.right) for d in (syntax.dotted(side), syntax.item_of(side))} - {""}


def _own_lines(scope: ast.AST) -> list[ast.stmt]:
    """The simple statements of a function."""
    return [s for s in syntax.statements(scope) if s is not scope and not hasattr(s, "body")]


def _offset(instruction: dis.Instruction) -> int:
    return instruction.offset


def slices(run: Run, source: Source, at: Place) -> Row:
    """A row for a gradient whose rows-only form the learner's line at `at` could not take."""
    row = Row(source.name, "raises", "indexed-slices", _computing(at))
    flow = run.between(source)
    lookup = next((op for op in reversed(flow.path) if "Gather" in op.type), None)
    if lookup is not None:
        row.where += places(lookup.stack)
        row.op = lookup.type
    row.said = "the code after the gradient call raised"
    row.evidence = (
        "the gradient is an IndexedSlices (only the rows that were looked up), and this line treats it as a tensor"
    )
    row.confidence = 0.8
    return finish(row)


def refused(call: Call, run: Run | None, name: str, source: Source | None = None) -> Row:
    """A row for a call that raised."""
    error = call.error
    if error is None:
        error = TypeError(f"the target {type(call.target).__name__} is no tensor")
    where = call.where
    label, op, kind = "", None, ""
    if run is not None and source is not None:
        label, op, kind = detached_op.raised_by(run, run.between(source), error)
    row = Row(name, "raises", message=f"{type(error).__name__}: {(str(error).splitlines() or [''])[0][:300]}")
    if call.what == "with":
        where = traceback_places(error) or where
    foreign = source is None and call.what != "with" and "_id" in str(error)
    row.cause = label or ("wrong-source" if foreign else refusal(error))
    row.op = kind
    row.where = places(op.stack) if op is not None else where
    if call.what == "gradient" and call.tape.calls > 1 and not call.tape.persistent:
        row.cause = "tape-misuse"
    row.evidence = f"tape.{call.what} raised it"
    if call.what == "with":
        row.said = "the code under the tape raised"
        row.evidence = "it was raised inside the tape's with-block, before the tape was asked"
    row.confidence = 0.8
    return finish(row)


def number(call: Call, trace: Trace) -> Row:
    """The target is no tensor: its value has left TensorFlow."""
    row = Row("target", "raises", message=f"{type(call.error).__name__}: {call.error}" if call.error else "")
    exits = [c for c in trace.conversions if c.kind not in CONTROL and c.stack]
    row.cause = (
        "numpy-conversion" if exits or isinstance(call.target, (float, int, np.generic, np.ndarray)) else "api-misuse"
    )
    row.where = [*(places(exits[-1].stack)[:1] if exits and row.cause == "numpy-conversion" else []), *call.where]
    row.evidence = (
        f"the target of tape.{call.what} is a "
        f"{type(call.target).__module__}.{type(call.target).__qualname__}, not a tensor"
    )
    row.confidence = 0.85
    return finish(row)


def foreign(call: Call, name: str, given: Any) -> Row:
    """A row for a source that TensorFlow knows nothing of."""
    row = Row(name, "none", "wrong-source", call.where)
    row.evidence = f"it is a {type(given).__module__}.{type(given).__qualname__}, which TensorFlow did not compute with"
    return finish(row)
