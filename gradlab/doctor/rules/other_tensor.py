"""The loss used something else than the source: a value computed from it before the run, a copy, a part, another pass."""

from __future__ import annotations

import ast
from typing import Any

import numpy as np

from gradlab.doctor.analysis.dataflow import Flow
from gradlab.doctor.certainty import Proof
from gradlab.doctor.recording.frames import Place, places
from gradlab.doctor.recording.recorded_run import Run
from gradlab.doctor.recording.sources import Eager, Source, is_owner, unwrap
from gradlab.doctor.recording.trace import Op
from gradlab.doctor.rules import NO_PATH, Case, Cause, Finding, Kind, rule
from gradlab.doctor.rules.left_tensorflow import NUMPY
from gradlab.doctor.source_code import syntax
from gradlab.doctor.source_code.host_calls import host_call
from gradlab.doctor.source_code.made_earlier import Maker, kept
from gradlab.doctor.source_code.scope import UserScope

AFTER_TAPE = Cause(
    "after-tape",
    what="it was computed after the tape had stopped recording",
    fix="move this computation inside the tape's with-block",
)
BEFORE_TAPE = Cause(
    "before-tape",
    what="it was computed before the tape began to record",
    fix="move this computation inside the tape, or inside the loss function",
)
WRONG_SOURCE = Cause(
    "wrong-source",
    what="the loss was made from another object than the one asked for",
    fix="ask for the object that the loss really uses",
)
# Definitions followed back from a name: a value that is computed in more steps than this is rarely one expression.
CHAIN = 6
# A list or dict with more entries is data, not a handful of tensors with names: too long to look through.
MAX_HELD = 1000
# Ancestors of an op that are looked at, so that a long recording does not make one question slow.
MAX_ANCESTORS = 500


def _captured(run: Run, flow: Flow, scope: UserScope) -> list[tuple[str, Any]]:
    """Names of tensors (and arrays) made before the run that the loss used."""
    needed = {k for op in run.trace.ops if op.index in flow.needed for k in op.ins} | set(run.target_keys)
    found = []
    for name, value in scope.values.items():
        if _uses(run, needed, value):
            found.append((name, value))
        elif hasattr(value, "__dict__") and not callable(value) and not hasattr(value, "handle"):
            found += [(f"{name}.{a}", v) for a, v in list(vars(value).items()) if _uses(run, needed, v)]
        if name == "self" or (hasattr(value, "__dict__") and callable(value) and not hasattr(value, "__code__")):
            found += [(f"{name}.{a}", v) for a, v in list(vars(value).items()) if _uses(run, needed, v)]
    return found


def _uses(run: Run, needed: set[int], value: Any) -> bool:
    if isinstance(value, Eager):
        return run.key(value) in needed
    if isinstance(value, (list, tuple)) and 0 < len(value) < MAX_HELD:
        return any(isinstance(v, Eager) and run.key(v) in needed for v in value)
    if isinstance(value, dict) and len(value) < MAX_HELD:
        return any(isinstance(v, Eager) and run.key(v) in needed for v in value.values())
    return isinstance(value, (np.ndarray, float, np.generic)) and not isinstance(value, bool)


@rule(NO_PATH, rank=48, cause=AFTER_TAPE)
def target_made_later(case: Case) -> Finding | None:
    """What the tape is asked for was made after it had stopped, from nothing that comes from the source, and the tape
    did record a use of the source: the call asks for another tensor (a metric's result) than the one computed in it."""
    call, run = case.call, case.recorded
    if call is None or not call.where:
        return None
    token = call.tape.token
    inside = [op.index for op in run.trace.ops if token in op.tapes]
    made = [run.trace.producer.get(k) for k in run.target_keys]
    if not inside or not made or any(op is None or op.index <= inside[-1] for op in made):
        return None
    use = case.last_use
    if use is None or token not in use.tapes:
        return None
    evidence = (
        "the tensor that the tape is asked for was made after the tape had stopped, and nothing in it comes from this "
        "source; what the tape recorded of the source ends at " + str(next(iter(places(use.stack)), "an unknown line"))
    )
    fix = "ask for the loss that is computed inside the tape: tape.gradient(loss, ...)"
    return Finding([*call.where, *places(use.stack)], evidence, (Proof.FLOW, Proof.OBJECT), use.type, use, fix=fix)


@rule(NO_PATH, rank=50, cause=BEFORE_TAPE)
def computed_before_the_run(case: Case) -> Finding | None:
    """The loss used a value that existed before the run, and the text computes that value from the source."""
    run, flow, source, scope = case.recorded, case.flow, case.asked, case.scope
    aliases = scope.aliases(source)
    layers = scope.holders(source.value)
    if not aliases and not layers:
        return None
    for name, value in _captured(run, flow, scope):
        if name in aliases and value is source.value:
            continue
        number = isinstance(value, (float, np.ndarray, np.generic))
        chain = _depends(scope, name, aliases, CHAIN, set())
        if not chain and layers and not number:
            chain = _depends(scope, name, layers, CHAIN, set(), called=True)
        if not chain or any(_ran(run, d) for d in chain):
            continue
        used = [o for o in run.trace.ops if o.index in flow.needed and any(run.value(k) is value for k in o.ins)]
        text = ast.unparse(chain[0].value)
        return Finding(
            [chain[0].place, *(places(used[0].stack) if used else [])],
            f"`{name}` = `{text}` was computed {_when(case, value)}; the loss uses only its value",
            (Proof.TEXT, Proof.FLOW) if used else (Proof.TEXT,),
            cause=NUMPY
            if number and any(host_call(d.statement) is not None for d in chain)
            else _cause_by_time(case, value),
        )
    return None


def _is_late(case: Case, value: Any) -> bool:
    """Was a value made after the tape had stopped, by something that is not recorded (the tape's own gradient call)?"""
    run, call = case.recorded, case.call
    stopped = call is not None and call.tape.exited is not None and 0 < run.trace.first_key
    return stopped and isinstance(value, Eager) and run.key(value) >= run.trace.first_key


def _when(case: Case, value: Any) -> str:
    return "after the tape had stopped recording" if _is_late(case, value) else "before the tape recorded"


def _cause_by_time(case: Case, value: Any) -> Cause | None:
    return AFTER_TAPE if _is_late(case, value) else None


@rule(NO_PATH, rank=52, cause=BEFORE_TAPE)
def kept_from_earlier(case: Case) -> Finding | None:
    """The loss used a value that the program keeps (in an attribute, a layer, a list, a closure, a global), and the line
    that made it reads the source, or runs what holds it."""
    run, flow, source, scope = case.recorded, case.flow, case.asked, case.scope
    needed = {k for op in run.trace.ops if op.index in flow.needed for k in op.ins} | set(run.target_keys)
    outside = {k for k in needed if k not in run.trace.producer and not run.is_resource(k)}
    # What a traced function was given as an argument is a placeholder in its graph, and a value in its caller.
    outside |= {run.key(a) for a in scope.arguments}
    maker = Maker(scope, source)
    for thing in kept(scope, lambda value: value is not source.value and run.key(value) in outside):
        chain = maker.chain(thing)
        if not chain or any(_ran(run, d) for d in chain):
            continue
        place = chain[0].place
        key = run.key(thing.value)
        used = next((o for o in run.trace.ops if o.index in flow.needed and key in o.ins), None)
        return Finding(
            [place, *(p for p in (places(used.stack) if used else []) if p != place)],
            f"`{chain[0].name}` = `{ast.unparse(chain[0].value)}` was computed before the tape recorded; the loss uses "
            "only its value",
            (Proof.OBJECT, Proof.FLOW) if used else (Proof.TEXT, Proof.FLOW),
        )
    return None


@rule(NO_PATH, rank=54, cause=NUMPY)
def kept_as_a_number(case: Case) -> Finding | None:
    """The program keeps a number or an array, the line that made it takes it out of the source (`.numpy()`, `float()`),
    and a line that the loss needs reads it. Numbers are copied into TensorFlow, so that identity does not show its use."""
    run, flow = case.recorded, case.flow
    lines = {(code.co_filename, line) for op in run.trace.ops if op.index in flow.needed for code, line in op.stack}
    maker = Maker(case.scope, case.asked)
    for thing in kept(case.scope, lambda value: True, (float, np.floating, np.ndarray)):
        attribute = thing.name.rpartition(".")[2]
        used = [Place(file, line) for file, line in sorted(lines) if _reads(file, line, attribute)]
        chain = maker.chain(thing) if used else []
        out = next((d for d in chain if host_call(d.statement) is not None), None)
        if out is None or any(_ran(run, d) for d in chain):
            continue
        return Finding(
            [out.place, *used[:1]],
            f"`{out.name}` = `{ast.unparse(out.value)}` took its value out of TensorFlow before the tape recorded; the loss "
            "uses that number",
            (Proof.OBJECT, Proof.TEXT),
        )
    return None


def _reads(file: str, line: int, name: str) -> bool:
    """Does the statement at a line read a name, or an attribute of that name?"""
    statement = syntax.statement_at(file, line)
    return statement is not None and any(
        name in spelled.split(".") for part in syntax.headers(statement) for spelled in syntax.names(part)
    )


def _runs(call: ast.Call, layers: set[str]) -> bool:
    """Does a call run one of these layers: itself, a method of it, or a function that gets it?"""
    name = syntax.dotted(call.func)
    given = {syntax.dotted(a) for a in (*call.args, *(k.value for k in call.keywords))}
    return name in layers or any(name.startswith(layer + ".") for layer in layers) or bool(given & layers)


def _ran(run: Run, definition: syntax.Definition) -> bool:
    """Was a definition's statement among what was recorded?"""
    first = definition.statement.lineno
    last = definition.statement.end_lineno or first
    return any(
        code.co_filename == definition.file and first <= line <= last for op in run.trace.ops for code, line in op.stack
    )


def _depends(
    scope: UserScope, name: str, aliases: set[str], depth: int, seen: set[str], called: bool = False
) -> list[syntax.Definition]:
    """The chain of definitions from a name back to one of the aliases, nearest first; empty if there is none.

    With `called` the aliases are layers, and only a call of one counts.
    """
    if depth == 0 or name in seen:
        return []
    seen.add(name)
    for d in reversed(scope.finished(scope.definitions(name))):
        reads = syntax.names(d.value) - {name}
        if called:
            if any(_runs(c, aliases) for c in syntax.calls(d.value)):
                return [d]
            reads -= aliases
        # Inside a class the same attribute is spelt self.name.
        own = {a.rpartition(".")[2] for a in aliases if "." in a}
        if reads & aliases or any(r.startswith("self.") and r[5:] in own for r in reads):
            return [d]
        for other in sorted(reads):
            body = scope.body(other)
            if body is not None and (
                any(_runs(c, aliases) for c in syntax.calls(body)) if called else syntax.names(body) & aliases
            ):
                return [d]
            further = _depends(scope, other, aliases, depth - 1, seen, called)
            if further:
                return [d, *further]
    return []


@rule(Kind.NONE, rank=5, cause=WRONG_SOURCE)
def source_is_foreign(case: Case) -> Finding | None:
    """What was asked for is no tensor and no variable, so TensorFlow did not compute with it."""
    if case.source is not None or case.call is None:
        return None
    kind = type(case.given)
    text = f"it is a {kind.__module__}.{kind.__qualname__}, which TensorFlow did not compute with"
    return Finding(case.call.where, text, (Proof.OBJECT,))


def _unused(case: Case) -> bool:
    """Does no op that the loss needs take the source in?"""
    return not any(case.seed in op.ins for op in case.recorded.trace.ops if op.index in case.flow.needed)


@rule(NO_PATH, rank=60, cause=WRONG_SOURCE)
def made_from_what_the_loss_uses(case: Case) -> Finding | None:
    """The source was made in the run from a value that the loss uses as well: it is a leaf beside the way, not on it."""
    run = case.recorded
    maker = None if case.asked.is_variable else run.trace.producer.get(case.seed)
    if maker is None or not _unused(case) or not _shares(run, case.flow, maker):
        return None
    evidence = f"it was made here by {maker.type} from what the loss uses; the loss does not use it"
    return Finding(places(maker.stack), evidence, (Proof.FLOW,), maker.type)


@rule(NO_PATH, rank=62, cause=WRONG_SOURCE)
def another_tensor_of_that_name(case: Case) -> Finding | None:
    """The text makes the source from an object that the loss uses, and nothing that was recorded took the source in."""
    if case.asked.is_variable or case.flow.carriers or not _unused(case):
        return None
    scope = case.scope
    known = {n for n, _ in _captured(case.recorded, case.flow, scope)} | {
        n for n, v in scope.values.items() if hasattr(v, "trainable_variables") or hasattr(v, "handle")
    }
    for name in sorted(scope.aliases(case.asked)):
        for d in reversed(scope.definitions(name)):
            reads = syntax.names(d.value) - {name}
            related = {r for r in reads if any(r == k or k.startswith(r + ".") or r.startswith(k + ".") for k in known)}
            if related:
                text = (
                    f"the loss uses {', '.join(sorted(related))}; `{name}` = `{ast.unparse(d.value)}` is another tensor"
                )
                return Finding([d.place], text, (Proof.TEXT, Proof.FLOW))
    return None


@rule(NO_PATH, rank=64, cause=WRONG_SOURCE)
def a_copy_is_used(case: Case) -> Finding | None:
    """The loss uses another tensor with exactly the source's numbers, of which at least two differ."""
    if case.flow.carriers or not _unused(case):
        return None
    run, source = case.recorded, case.asked
    value = np.asarray(source.value.numpy() if source.is_variable else source.value)
    if value.size < 2 or len(np.unique(value)) < 2:
        return None
    for op in run.trace.ops:
        for k in (*op.ins, *op.outs) if op.index in case.flow.needed else ():
            twin = run.value(k)
            if k in case.flow.tainted or not isinstance(twin, Eager) or twin.dtype != source.dtype:
                continue  # (a tensor of a traced graph has no numbers to compare)
            if twin.shape != source.value.shape or not np.array_equal(np.asarray(twin), value):
                continue
            text = "the loss uses another tensor with exactly these values"
            made = _copied(run, case.scope, source, _handle(run, k))
            if made is not None:
                return Finding([made, *places(op.stack)], f"{text}: `{made.code}`", (Proof.VALUES, Proof.TEXT))
            place = case.scope.definition(source)
            return Finding([*([place] if place else []), *places(op.stack)], text, (Proof.VALUES,))
    return None


def _handle(run: Run, k: int) -> int:
    """The variable that a value was read from, or the value itself."""
    maker = run.trace.producer.get(k)
    return maker.ins[0] if maker is not None and maker.type == "ReadVariableOp" else run.reads.get(k, k)


def _copied(run: Run, scope: UserScope, source: Source, key: int) -> Place | None:
    """The line that made a copy, which the loss uses, of what holds the source."""
    for name, thing in scope.values.items():
        held = getattr(thing, "variables", ()) if is_owner(thing) else (thing,)
        if not any(hasattr(v, "handle") and run.key(v) == key for v in map(unwrap, held)):
            continue
        originals = scope.aliases(source) | scope.holders(source.value)
        for d in reversed(scope.definitions(name)):
            if syntax.names(d.value) & originals - {name}:
                return d.place
    return None


def _shares(run: Run, flow: Flow, maker: Op, limit: int = MAX_ANCESTORS) -> bool:
    """Does an op descend from a value that the loss depends on?"""
    used = {k for op in run.trace.ops if op.index in flow.needed for k in (*op.ins, *op.outs)}
    todo, seen = list(maker.ins), set[int]()
    while todo and len(seen) < limit:
        k = todo.pop()
        if k in used:
            return True
        if k in seen:
            continue
        seen.add(k)
        above = run.trace.producer.get(k)
        todo += above.ins if above is not None else ()
    return False
