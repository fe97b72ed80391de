"""The value of each visit and the norm of its gradient, for one question.

The value of a visit is what it made (callees included) that an op outside of it uses before the question, or the target.
A variable that was read counts only if nothing else is used. Where nothing is used, the last float that the line made
stands for it, as `unused`. Backward ops use forward values too: only ops before the question count.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import tensorflow as tf

from gradlab.lines import hooks
from gradlab.lines.doctor_parts import FLOATS, Eager, key, unwrap
from gradlab.lines.recorded import Ask, Op, Stretch, TapeSeen
from gradlab.lines.recording import Recording
from gradlab.lines.slopes import norms_of
from gradlab.lines.visits import Visit

RESOLVED = 8  # values that an op reads from variables without an op of its own are looked up this often for each place


@dataclass
class Cell:
    """A visit with its value."""

    visit: Visit
    kind: str = ""
    norm: float | None = None
    keys: list[int] = field(default_factory=list)
    shapes: list[tuple[int, ...]] = field(default_factory=list)
    op: str = ""
    host: bool = False


@dataclass
class Measured:
    """All cells of one question, and what else the ops before it tell."""

    ask: Ask | None
    tape: TapeSeen | None
    stretch: Stretch
    ops: list[Op]
    cells: dict[Visit, Cell]
    made: dict[int, Visit]  # value -> visit that made it
    inside: dict[int, bool | None]  # value -> did the tape record then (None: it came from Python)
    reads: dict[int, int]  # value -> handle of the variable that it was read from, without an op
    targets: list[Any]
    measure: str = "gradient"
    given: list[Any] = field(default_factory=list)  # gradients of `extra`
    fault: str = ""


def measure(recording: Recording, ask: Ask | None, extra: list[Any] | None = None) -> Measured:
    """The cells of a question; with None, those of the whole run, where nothing was asked.

    `extra` are tensors and variables whose gradients are asked for in the same call.
    """
    found = _values(recording, ask)
    keys = sorted({k for cell in found.cells.values() for k in cell.keys})
    norms = norms_of(found, keys, extra or []) if ask is not None and ask.error is None else None
    for cell in found.cells.values():
        if cell.keys:
            _judge(cell, found, norms)
    return found


def _values(recording: Recording, ask: Ask | None) -> Measured:  # noqa: C901 (one pass over the ops fills five tables)
    """Which tensors stand for which visit."""
    tape = ask.tape if ask is not None else (recording.tapes[-1] if recording.tapes else None)
    stretch = ask.stretch if ask is not None else recording.stretch
    number = tape.number if tape is not None else -1
    last = ask.at if ask is not None else len(stretch.ops)
    spans = ask.spans if ask is not None else []
    ops = [
        op
        for op in stretch.ops[ask.start if ask is not None else 0 : last]
        if number in op.active or not any(a <= op.index < b for a, b in spans)
    ]
    targets = [unwrap(t) for t in tf.nest.flatten(ask.target, expand_composites=True)] if ask is not None else []
    targets = [t for t in targets if isinstance(t, (Eager, tf.Variable))]
    found = Measured(ask, tape, stretch, ops, {}, {}, {}, {}, targets)
    tensors = stretch.tensors
    floats = {k for k, t in tensors.items() if t.dtype in FLOATS}
    chains: dict[Visit, list[Visit]] = {}

    def up(visit: Visit | None) -> list[Visit]:
        if visit is None:
            return []
        if visit not in chains:
            chains[visit] = visit.chain()
        return chains[visit]

    made, inside = found.made, found.inside
    escapes: dict[Visit, dict[int, None]] = {}
    mine: dict[Visit, list[Op]] = {}
    found.reads = _variable_reads(found)
    for op in ops:
        chain = up(op.visit)
        around = set(chain)
        for v in chain:
            mine.setdefault(v, []).append(op)
        for k in op.ins:
            if k in stretch.hosts and k not in made and k not in found.reads:
                visit = stretch.hosts[k]
                if visit is not None:
                    made[k], inside[k] = visit, None
            for v in up(made.get(k)):
                if v not in around:
                    escapes.setdefault(v, {})[k] = None
        for k in op.outs:
            if k in floats and op.visit is not None:
                made[k], inside[k] = op.visit, number in op.active
    for t in targets:
        for v in up(made.get(key(t))):
            escapes.setdefault(v, {})[key(t)] = None
    producer = stretch.producer

    def is_read(k: int) -> bool:
        return k in producer and producer[k].type == "ReadVariableOp"

    for v in {*mine, *escapes}:
        cell = found.cells[v] = Cell(v)
        used = escapes.get(v, {})
        keys = [k for k in used if not is_read(k)] or list(used)
        own = mine.get(v, [])
        if keys:
            cell.kind = "used"
        elif not any(op.type.startswith("Assign") for op in own):
            eaten = {k for op in own for k in op.ins}
            keys = [k for op in own if op.type != "ReadVariableOp" for k in op.outs if k in floats and k not in eaten]
            keys = keys[-1:]
            cell.kind = "unused" if keys else ""
        cell.keys = keys
        cell.shapes = [tuple(tensors[k].shape) for k in keys]
        makers = [producer[k].type for k in keys if k in producer]
        cell.op = makers[-1] if makers else ""
        cell.host = bool(keys) and not makers
    return found


def _judge(cell: Cell, found: Measured, norms: dict[int, float | None] | None) -> None:
    """Kind and norm of a cell from the norms of its values (an absent one: None; a norm of None: not known)."""
    if norms is None:
        cell.kind = "ran"
        return
    known = [norms[k] for k in cell.keys if k in norms]
    if any(n is None for n in known):
        cell.kind = "ran"
    elif known:
        total = math.hypot(*[n for n in known if n is not None])
        if any(n is not None and math.isnan(n) for n in known):
            total = math.nan
        cell.norm = total
        cell.kind = "nan" if math.isnan(total) else "inf" if math.isinf(total) else "zero" if total == 0 else "ok"
    elif all(found.inside.get(k) is False for k in cell.keys):
        cell.kind = "outside"
    else:
        cell.kind = "none" if cell.kind == "used" else "unused"


def _variable_reads(found: Measured) -> dict[int, int]:
    """Values that fast ops read from a variable without an op of its own: value -> handle of the variable.

    Only the tape knows: the value has a gradient with respect to the variable.
    """
    tape, stretch = found.tape, found.stretch
    if tape is None or not stretch.hosts:
        return {}
    variables = [unwrap(v) for v in tape.mirror.watched_variables()]
    reads: dict[int, int] = {}
    looked: dict[Any, list[int | None]] = {}
    gradient = hooks.plain("gradient")
    for op in found.ops:
        for i, k in enumerate(op.ins):
            if k not in stretch.hosts or k in reads or tape.number not in op.active:
                continue
            tensor = stretch.tensors[k]
            place = (op.visit.file, op.visit.statement, op.type, i) if op.visit is not None else None
            seen = looked.setdefault(place, [])
            if len(seen) >= RESOLVED and len(set(seen)) == 1:
                if seen[0] is not None:
                    reads[k] = seen[0]
                continue
            alike = [v for v in variables if v.shape == tensor.shape and v.dtype == tensor.dtype]
            handle = None
            if alike:
                slopes = gradient(tape.mirror, tensor, alike)
                handle = next((key(v) for v, g in zip(alike, slopes, strict=True) if g is not None), None)
            seen.append(handle)
            if handle is not None:
                reads[k] = handle
    return reads
