"""No value that the loss used came from the source: why not?

In this order: it left TensorFlow and came back as a number; it only steered a loop or a branch; the values were made
before the run; the
object is not the one the loss used; or the loss does not depend on it.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gradlab.doctor import binding, host
from gradlab.doctor.flow import Flow, is_write
from gradlab.doctor.frames import Place, places
from gradlab.doctor.observe import Run
from gradlab.doctor.origin import Scene
from gradlab.doctor.record import Op, Trace
from gradlab.doctor.sources import Source


@dataclass
class Finding:
    """A cause with its places, the op's name and a sentence of evidence."""

    cause: str
    where: list[Place] = field(default_factory=list)
    op: str = ""
    evidence: str = ""
    confidence: float = 0.5
    cut: Op | None = None


Again = Callable[[Source], "tuple[Trace, float, float] | None"]


def last_use(run: Run, flow: Flow) -> Op | None:
    """The last op that used the source."""
    for op in reversed(run.trace.ops):
        if op.index in flow.carriers and op.stack:
            return op
    for op in reversed(run.trace.ops):
        if op.stack and any(k in flow.tainted for k in op.ins):
            return op  # only its shape was used
    return None


def first_use(run: Run, flow: Flow) -> Op | None:
    """The first op that used the source."""
    for op in run.trace.ops:
        if op.index in flow.carriers and op.stack:
            return op
    return None


def explain(run: Run, flow: Flow, source: Source, scene: Scene, again: Again | None) -> Finding:
    """Why the source and the loss are not connected."""
    tainted = [c for c in run.trace.conversions if c.key in flow.tainted]
    control = [
        c
        for c in tainted
        if host.control_of(c) or (c.kind in host.CONTROL and c.kind != "__iter__") or host.only_counts(c)
    ]
    dead = host.dead_ends(run, flow)
    rerun = again(source) if again is not None and (tainted or dead) else None
    if rerun is not None:
        other, scale, change = rerun
        handles = set(run.reads) | {run.seed(source)}
        entries, diverged = host.changed_externals(run.trace, other, handles)
        entries = [e for e in entries if e.op.index in flow.needed] or []
        moved = (
            f"moving it by {scale:g} changes the loss by {change:.3g}" if change else "no change of the loss was seen"
        )
        values = [c for c in tainted if c not in control]
        steered = control and not values and not any(host._refine(op, None) for op in dead)
        if entries and not steered:
            return _returned(run, flow, entries[0].op, f"{moved}, but only as a plain number")
        if control and (diverged or change):
            return _steered(run, flow, control, moved)
    if (control and rerun is None) or (control and not [c for c in tainted if c not in control]):
        return _steered(run, flow, control, "its value only went into a condition")
    before = _made_before(run, flow, source, scene)
    if before is not None:
        return before
    other_source = _another_object(run, flow, source, scene)
    if other_source is not None:
        return other_source
    values = [c for c in tainted if c.kind not in host.CONTROL and not host.is_speech(c.stack)]
    if values and rerun is None and (again is None or not source.is_variable):
        place, kind = host.exit_place(run, flow, None)
        return Finding(
            _left(kind),
            [place] if place else [],
            kind,
            "its value left TensorFlow here and the loss uses nothing else of it",
            0.6,
        )
    if values and rerun is not None and _used_later(values[-1]):
        place, kind = host.exit_place(run, flow, None)
        return Finding(
            _left(kind),
            [place] if place else [],
            kind,
            "its value left TensorFlow here; no change of the loss was seen at the steps tried",
            0.5,
        )
    return _unused(run, flow, source, scene)


def _used_later(c: Any) -> bool:
    """Is the result of a conversion assigned to a name that a later line reads?"""
    code, line = c.stack[0] if c.stack else (None, 0)
    if code is None:
        return False
    s = binding.statement_at(code.co_filename, line)
    return isinstance(s, (ast.Assign, ast.AugAssign, ast.Return))


def _returned(run: Run, flow: Flow, op: Op, evidence: str) -> Finding:
    place, kind = host.exit_place(run, flow, op)
    back = places(op.stack)
    where = ([place] if place else []) + [p for p in back if p != place]
    if is_write(op):
        return Finding("state-assign", back + ([place] if place else []), op.type, evidence, 0.85, op)
    if any(p in op.type for p in ("Dataset", "Iterator")):
        return Finding("stateful-pipeline", where, op.type, evidence, 0.8, op)
    maker = next((o for o in run.trace.ops if "IteratorGetNext" in o.type and o.index in flow.needed), None)
    if maker is not None and op.index <= maker.index:
        return Finding("stateful-pipeline", where, maker.type, evidence, 0.7, op)
    return Finding(_left(kind), where, kind, evidence, 0.9, op)


def _left(kind: str) -> str:
    return "py-function" if kind == "py_function" else "numpy-conversion"


def _steered(run: Run, flow: Flow, control: list[Any], evidence: str) -> Finding:
    kinds = ["loop" if host.control_of(c) == "loop" or host.only_counts(c) else "branch" for c in control]
    chosen = control[kinds.index("loop")] if "loop" in kinds else control[-1]
    op = run.trace.producer.get(chosen.key)
    where = places(chosen.stack)
    if "loop" in kinds:
        if op is not None and op.stack and chosen.kind == "__bool__":
            where = places(op.stack)
        return Finding(
            "loop-condition",
            where,
            op.type if op is not None else chosen.kind,
            f"it only decides how often a loop runs; {evidence}",
            0.85,
            op,
        )
    if op is not None and op.stack:
        where = places(op.stack)
    return Finding(
        "comparison",
        where,
        op.type if op is not None else chosen.kind,
        f"it only decides which branch runs; {evidence}",
        0.75,
        op,
    )


def _captured(run: Run, flow: Flow, scene: Scene) -> list[tuple[str, Any]]:
    """Names of tensors (and arrays) made before the run that the loss used."""
    needed = {k for op in run.trace.ops if op.index in flow.needed for k in op.ins}
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
    from gradlab.doctor.sources import Eager

    if isinstance(value, Eager):
        return run.key(value) in needed
    if isinstance(value, (list, tuple)) and 0 < len(value) < 1000:
        return any(isinstance(v, Eager) and run.key(v) in needed for v in value)
    if isinstance(value, dict) and len(value) < 1000:
        return any(isinstance(v, Eager) and run.key(v) in needed for v in value.values())
    return isinstance(value, (np.ndarray, float, np.generic)) and not isinstance(value, bool)


def _made_before(run: Run, flow: Flow, source: Source, scene: Scene) -> Finding | None:
    """A value the loss used that the text computes from the source before the run."""
    aliases = scene.aliases(source)
    if not aliases:
        return None
    for name, value in _captured(run, flow, scene):
        if name in aliases and value is source.value:
            continue
        chain = _depends(scene, name, aliases, 6, set())
        if chain:
            place = chain[0].place
            text = ast.unparse(chain[0].value)
            host_made = any(host.host_call(d.statement) is not None for d in chain)
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
    return None


def _depends(scene: Scene, name: str, aliases: set[str], depth: int, seen: set[str]) -> list[binding.Definition]:
    """The chain of definitions from a name back to one of the aliases, nearest first; empty if there is none."""
    if depth == 0 or name in seen:
        return []
    seen.add(name)
    for d in reversed(scene.definitions(name)):
        reads = binding.names(d.value) - {name}
        # Inside a class the same attribute is spelt self.name.
        own = {a.rpartition(".")[2] for a in aliases if "." in a}
        if reads & aliases or any(r.startswith("self.") and r[5:] in own for r in reads):
            return [d]
        for other in sorted(reads):
            further = _depends(scene, other, aliases, depth - 1, seen)
            if further:
                return [d, *further]
    return []


def _another_object(run: Run, flow: Flow, source: Source, scene: Scene) -> Finding | None:
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
    value = np.asarray(source.value.numpy() if source.is_variable else source.value)
    if not source.is_variable:
        known = {n for n, _ in _captured(run, flow, scene)} | {
            n for n, v in scene.values.items() if hasattr(v, "trainable_variables") or hasattr(v, "handle")
        }
        for name in sorted(aliases):
            for d in reversed(scene.definitions(name)):
                reads = binding.names(d.value) - {name}
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
                    or getattr(twin, "dtype", None) != source.dtype
                    or twin.shape != source.value.shape
                ):
                    continue
                if np.array_equal(np.asarray(twin), value):
                    where = ([place] if place else []) + places(op.stack)
                    return Finding(
                        "wrong-source", where, "", "the loss uses another tensor with exactly these values", 0.75
                    )
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


def _unused(run: Run, flow: Flow, source: Source, scene: Scene) -> Finding:
    op = last_use(run, flow)
    if op is not None:
        return Finding(
            "unconnected",
            places(op.stack),
            op.type,
            "it is used here last, and nothing of that reaches the loss",
            0.85,
            op,
        )
    place = scene.definition(source)
    evidence = "it was never read while the loss was computed"
    return Finding("unconnected", [place] if place else [], "", evidence, 0.8 if place else 0.5)
