"""The loss used something made from the source elsewhere: a value computed before the run, a copy, a part, another
pass."""

from __future__ import annotations

import ast
from typing import Any

import numpy as np

from gradlab.doctor.analysis.dataflow import Flow
from gradlab.doctor.recording.frames import Place, places
from gradlab.doctor.recording.recorded_run import Run
from gradlab.doctor.recording.sources import Eager, Source, is_owner, unwrap
from gradlab.doctor.recording.trace import Op
from gradlab.doctor.rules.finding import Finding
from gradlab.doctor.source_code import syntax
from gradlab.doctor.source_code.host_calls import host_call
from gradlab.doctor.source_code.made_earlier import Maker, kept
from gradlab.doctor.source_code.scope import Scene


def _captured(run: Run, flow: Flow, scene: Scene) -> list[tuple[str, Any]]:
    """Names of tensors (and arrays) made before the run that the loss used."""
    needed = {k for op in run.trace.ops if op.index in flow.needed for k in op.ins} | set(run.target_keys)
    found = []
    for name, value in scene.values.items():
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
    if isinstance(value, (list, tuple)) and 0 < len(value) < 1000:
        return any(isinstance(v, Eager) and run.key(v) in needed for v in value)
    if isinstance(value, dict) and len(value) < 1000:
        return any(isinstance(v, Eager) and run.key(v) in needed for v in value.values())
    return isinstance(value, (np.ndarray, float, np.generic)) and not isinstance(value, bool)


def made_before(run: Run, flow: Flow, source: Source, scene: Scene) -> Finding | None:
    """A value the loss used that the text computes from the source before the run."""
    aliases = scene.aliases(source)
    layers = scene.holders(source.value)
    for name, value in _captured(run, flow, scene):
        if not aliases and not layers:
            break
        if name in aliases and value is source.value:
            continue
        chain = _depends(scene, name, aliases, 6, set())
        if not chain and layers and not isinstance(value, (float, np.ndarray, np.generic)):
            chain = _depends(scene, name, layers, 6, set(), called=True)
        if chain and not any(_ran(run, d) for d in chain):
            place = chain[0].place
            text = ast.unparse(chain[0].value)
            host_made = any(host_call(d.statement) is not None for d in chain)
            use = next(
                (o for o in run.trace.ops if o.index in flow.needed and any(run.value(k) is value for k in o.ins)), None
            )
            where = [place] + (places(use.stack) if use is not None else [])
            cause = (
                "numpy-conversion"
                if host_made and isinstance(value, (float, np.ndarray, np.generic))
                else "before-tape"
            )
            return Finding(
                cause,
                where,
                "",
                f"`{name}` = `{text}` was computed before the tape recorded, the loss uses only its value",
                0.85,
            )
    return _kept_from_earlier(run, flow, source, scene)


def _kept_from_earlier(run: Run, flow: Flow, source: Source, scene: Scene) -> Finding | None:
    """The line that computed a value which the program keeps somewhere and the loss used."""
    needed = {k for op in run.trace.ops if op.index in flow.needed for k in op.ins} | set(run.target_keys)
    outside = {k for k in needed if k not in run.trace.producer and not run.is_resource(k)}
    # What a traced function was given as an argument is a placeholder in its graph, and a value in its caller.
    outside |= {run.key(a) for a in scene.arguments}
    maker = Maker(scene, source)
    for thing in kept(scene, lambda value: value is not source.value and run.key(value) in outside):
        chain = maker.chain(thing)
        if not chain or any(_ran(run, d) for d in chain):
            continue
        place, name = chain[0].place, chain[0].name
        use = next((o for o in run.trace.ops if o.index in flow.needed and run.key(thing.value) in o.ins), None)
        where = [place] + ([p for p in places(use.stack) if p != place] if use is not None else [])
        text = (
            f"`{name}` = `{ast.unparse(chain[0].value)}` was computed before the tape recorded, the loss uses only its"
        )
        return Finding("before-tape", where, "", f"{text} value", 0.85)
    return None


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
    scene: Scene, name: str, aliases: set[str], depth: int, seen: set[str], called: bool = False
) -> list[syntax.Definition]:
    """The chain of definitions from a name back to one of the aliases, nearest first; empty if there is none.

    With `called` the aliases are layers, and only a call of one counts.
    """
    if depth == 0 or name in seen:
        return []
    seen.add(name)
    for d in reversed(scene.definitions(name)):
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
            body = scene.body(other)
            if body is not None and (
                any(_runs(c, aliases) for c in syntax.calls(body)) if called else syntax.names(body) & aliases
            ):
                return [d]
            further = _depends(scene, other, aliases, depth - 1, seen, called)
            if further:
                return [d, *further]
    return []


def another_object(run: Run, flow: Flow, source: Source, scene: Scene) -> Finding | None:
    """The loss used something of which the source is a copy, a part or another pass."""
    used = any(run.seed(source) in op.ins for op in run.trace.ops if op.index in flow.needed)
    maker = None if source.is_variable else run.trace.producer.get(run.seed(source))
    if maker is not None and not used and _shares(run, flow, maker):
        text = f"it was made here by {maker.type} from what the loss uses; the loss does not use it"
        return Finding("wrong-source", places(maker.stack), maker.type, text, 0.85)
    if used or flow.carriers:
        return None
    place = scene.definition(source)
    aliases = scene.aliases(source)
    if not source.is_variable and not isinstance(source.value, Eager):
        return None  # a tensor of a traced graph has no value to compare
    value = np.asarray(source.value.numpy() if source.is_variable else source.value)
    if not source.is_variable:
        known = {n for n, _ in _captured(run, flow, scene)} | {
            n for n, v in scene.values.items() if hasattr(v, "trainable_variables") or hasattr(v, "handle")
        }
        for name in sorted(aliases):
            for d in reversed(scene.definitions(name)):
                reads = syntax.names(d.value) - {name}
                related = {
                    r for r in reads if any(r == k or k.startswith(r + ".") or r.startswith(k + ".") for k in known)
                }
                if related:
                    text = ast.unparse(d.value)
                    return Finding(
                        "wrong-source",
                        [d.place],
                        "",
                        f"the loss uses {', '.join(sorted(related))}; `{name}` = `{text}` is another tensor",
                        0.85,
                    )
    if value.size >= 2 and len(np.unique(value)) > 1:
        for op in run.trace.ops:
            if op.index not in flow.needed:
                continue
            for k in (*op.ins, *op.outs):
                twin = run.value(k)
                if (
                    k in flow.tainted
                    or not isinstance(twin, Eager)
                    or getattr(twin, "dtype", None) != source.dtype
                    or twin.shape != source.value.shape
                ):
                    continue
                if np.array_equal(np.asarray(twin), value):
                    text = "the loss uses another tensor with exactly these values"
                    made = _copied(run, scene, source, _handle(run, k))
                    if made is not None:
                        return Finding("wrong-source", [made, *places(op.stack)], "", f"{text}: `{made.code}`", 0.8)
                    where = ([place] if place else []) + places(op.stack)
                    return Finding("wrong-source", where, "", text, 0.75)
    return None


def _handle(run: Run, k: int) -> int:
    """The variable that a value was read from, or the value itself."""
    maker = run.trace.producer.get(k)
    return maker.ins[0] if maker is not None and maker.type == "ReadVariableOp" else run.reads.get(k, k)


def _copied(run: Run, scene: Scene, source: Source, key: int) -> Place | None:
    """The line that made a copy, which the loss uses, of what holds the source."""
    for name, thing in scene.values.items():
        held = getattr(thing, "variables", ()) if is_owner(thing) else (thing,)
        if not any(hasattr(v, "handle") and run.key(v) == key for v in map(unwrap, held)):
            continue
        originals = scene.aliases(source) | scene.holders(source.value)
        for d in reversed(scene.definitions(name)):
            if syntax.names(d.value) & originals - {name}:
                return d.place
    return None


def _shares(run: Run, flow: Flow, maker: Op, limit: int = 500) -> bool:
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
