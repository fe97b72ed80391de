"""The gradient call, or the code around it, raised an exception."""

from __future__ import annotations

import ast
import dis
import sys

import numpy as np

from gradlab.doctor import op_types
from gradlab.doctor.analysis.exits import CONTROL
from gradlab.doctor.certainty import Proof
from gradlab.doctor.recording.frames import Place, places
from gradlab.doctor.recording.tape_calls import Call
from gradlab.doctor.rules import Case, Cause, Finding, Kind, rule
from gradlab.doctor.rules.case import place_of
from gradlab.doctor.rules.detached_op import CUSTOM_GRADIENT, PY_FUNCTION
from gradlab.doctor.rules.left_tensorflow import NUMPY
from gradlab.doctor.rules.other_tensor import WRONG_SOURCE
from gradlab.doctor.rules.zero import python_op
from gradlab.doctor.source_code import syntax
from gradlab.doctor.source_code.value_flow import passed_on, reads

TAPE_MISUSE = Cause(
    "tape-misuse",
    what="the tape can't be asked this, or not again",
    fix="open the tape with persistent=True, or make one gradient call for all variables",
)
API_MISUSE = Cause(
    "api-misuse",
    what="the line asks for what its object does not have or accept",
    fix="ask for what the object has and accepts (see the message)",
)
SLICES = Cause(
    "indexed-slices",
    what="the gradient is an IndexedSlices where a tensor is expected",
    fix="convert it first: tf.convert_to_tensor(g)",
)
# Calls followed into the functions of a file, from the line that raised to the one that computes.
CALL_DEPTH = 3


def _in_block(case: Case) -> bool:
    return case.call is not None and case.call.what == "with"


def _raised(case: Case, where: list[Place] | None = None) -> Finding:
    found = Finding(case.raised_at if where is None else where, "", (Proof.ERROR,))
    if _in_block(case):
        found.status_text = "the code under the tape raised"
        found.evidence = "it was raised inside the tape's with-block, before the tape was asked"
    elif case.call is not None:
        found.evidence = f"tape.{case.call.what} raised it"
    else:
        found.evidence = "it was raised while the gradient was computed"
    return found


@rule(Kind.RAISES, rank=8, cause=TAPE_MISUSE)
def asked_twice(case: Case) -> Finding | None:
    """A tape that is not persistent forgets what it recorded at its first gradient call, and this was a later one."""
    call = case.call
    if call is None or case.error is None or call.what != "gradient" or call.tape.persistent or call.tape.calls < 2:
        return None
    return _raised(case)


@rule(Kind.RAISES, rank=4, cause=NUMPY)
def target_is_a_number(case: Case) -> Finding | None:
    """The target of the gradient call is a Python or NumPy number, or the value was handed to NumPy before the call."""
    found = case.once(_no_tensor)
    return found if found is not None and found.cause is NUMPY else None


@rule(Kind.RAISES, rank=6, cause=API_MISUSE)
def target_is_no_tensor(case: Case) -> Finding | None:
    """The target of the gradient call is something else than a tensor."""
    return case.once(_no_tensor)


def _no_tensor(case: Case) -> Finding | None:
    call, run = case.call, case.run
    if call is None or run is None or run.targets or _in_block(case) or call.what in ("watch", "stop_recording"):
        return None
    exits = [c for c in run.trace.conversions if c.kind not in CONTROL and c.stack]
    number = bool(exits) or isinstance(call.target, (float, int, np.generic, np.ndarray))
    left = places(exits[-1].stack)[:1] if exits and number else []
    kind = type(call.target)
    evidence = f"the target of tape.{call.what} is a {kind.__module__}.{kind.__qualname__}, not a tensor"
    return Finding([*left, *call.where], evidence, (Proof.OBJECT,), cause=NUMPY if number else API_MISUSE)


@rule(Kind.RAISES, rank=15, cause=SLICES)
def slices_are_no_tensor(case: Case) -> Finding | None:
    """The gradient is an IndexedSlices, and the function that asked for it ended with an exception in a later line."""
    line = failed_later(case.call) if case.call is not None and case.error is None else None
    if line is None:
        return None
    lookup = next((op for op in reversed(case.flow.path) if op_types.is_lookup(op.type)), None)
    evidence = "the gradient is an IndexedSlices (only the rows that were looked up); this line treats it as a tensor"
    found = Finding([*_computing(line), *place_of(lookup)], evidence, (Proof.OBJECT, Proof.TAPE))
    found.op = lookup.type if lookup is not None else ""
    found.status_text = "the code after the gradient call raised"
    return found


@rule(Kind.RAISES, rank=30, cause=WRONG_SOURCE)
def source_is_no_tensor(case: Case) -> Finding | None:
    """TensorFlow asks every source for its `_id`, which only its own tensors have."""
    foreign = case.call is not None and case.source is None and not _in_block(case)
    return _raised(case) if foreign and "_id" in str(case.error) else None


@rule(Kind.RAISES, rank=40, cause=CUSTOM_GRADIENT)
def custom_gradient_refuses(case: Case) -> Finding | None:
    """The message names tf.custom_gradient or the arguments of its backward function."""
    text = str(case.error)
    named = any(part in text for part in ("custom_gradient", "grad_fn", "keyword argument 'variables'"))
    return _raised(case) if named else None


@rule(Kind.RAISES, rank=45, cause=SLICES)
def slices_refused(case: Case) -> Finding | None:
    """The message names IndexedSlices."""
    return _raised(case) if "IndexedSlices" in str(case.error) else None


@rule(Kind.RAISES, rank=50, cause=TAPE_MISUSE)
def tape_refuses(case: Case) -> Finding | None:
    """The message is about the state of the tape: recording or not, persistent or not, active or not."""
    text = str(case.error)
    state = any(part in text for part in ("persistent", "already recording", "not recording", "active"))
    about = "tape is" in text.lower() or (isinstance(case.error, RuntimeError) and state)
    return _raised(case) if about else None


@rule(Kind.RAISES, rank=60, cause=PY_FUNCTION)
def python_function_refuses(case: Case) -> Finding | None:
    """Nothing of the user's is in the traceback, and the path runs through a Python function: going back through that
    raised it."""
    if case.raised_at or case.run is None or case.source is None:
        return None
    op = python_op(case)
    if op is None:
        return None
    found = _raised(case, place_of(op))
    found.op, found.proofs = op.type, (Proof.FLOW,)
    return found


@rule(Kind.RAISES, rank=90, cause=API_MISUSE)
def call_refuses(case: Case) -> Finding | None:
    """No other rule knows the message: it says itself what the call does not accept."""
    found = _raised(case)
    found.proofs = (Proof.FLOW,)
    return found


# --- the line that failed after the call ------------------------------------------------------------------------------


def failed_later(call: Call) -> Place | None:
    """The user's line that raised after the call, if the function that made the call ended with an exception."""
    frame = call.frame
    if frame is None:
        return None
    running = sys._getframe()
    while running is not None:
        if running is frame:
            return None
        running = running.f_back  # type: ignore[assignment]
    # Where a call went on, the offset may lie in the inline cache behind the instruction.
    reached = (i for i in dis.get_instructions(frame.f_code) if i.offset <= frame.f_lasti)
    last = max(reached, key=lambda i: i.offset, default=None)
    if last is None or last.opname.startswith(("RETURN", "YIELD")):
        return None
    return Place(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name)


def _computing(at: Place, depth: int = CALL_DEPTH) -> list[Place]:
    """The line that computes with what was handed on at `at`, and `at` itself: in the functions of the file that the line
    calls, as far as the text tells."""
    tree, statement = syntax.module(at.file), syntax.statement_at(at.file, at.line)
    if tree is None or statement is None or not depth:
        return [at]
    for inner, passed, _ in passed_on(tree, statement, syntax.names(statement)):
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
