"""Which line reads which source, through which lines its way goes, and which values are passed on into the tape."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from gradlab.lines.code_lines import Lines
from gradlab.lines.doctor_parts import FLOATS, Eager, key, shape_of, unwrap
from gradlab.lines.parts import Arrow, SourceKind
from gradlab.lines.values import Measured
from gradlab.lines.variable_lists import Missing
from gradlab.lines.visits import Visit as Ran

ARROWS = 200  # arrows that are kept: more cannot be drawn


def tag(  # noqa: C901 (one pass over the ops, one over the lines)
    lines: Lines, found: Measured, sources: list[SourceKind], values: dict[str, Any], lacking: list[Missing]
) -> None:
    """Which line reads which source, and through which lines the way of each source goes."""
    keys: dict[int, list[int]] = {}
    for i, source in enumerate(sources):
        value = unwrap(values.get(source.name))
        if isinstance(value, (Eager, tf.Variable)):
            keys.setdefault(key(value), []).append(i)
    bits: dict[int, int] = {k: sum(1 << i for i in which) for k, which in keys.items()}
    own = dict(bits)
    reading: dict[tuple[str, int], int] = {}
    for op in found.ops:
        mask = 0
        for k in op.ins:
            handle = found.reads.get(k, k)
            mask |= bits.get(handle, 0)
            direct = own.get(handle, 0)
            if direct and not op.type.startswith("Assign") and op.visit is not None:
                at = op.visit.file, op.visit.statement
                reading[at] = reading.get(at, 0) | direct
        if op.type.startswith("Assign") and op.ins:
            bits[op.ins[0]] = own.get(op.ins[0], 0) | mask
        for k in op.outs:
            if mask:
                bits[k] = mask
    needed = _needed(found)
    for at, mask in reading.items():
        if at in lines:
            lines[at].reads = [(s.name, s.kind) for i, s in enumerate(sources) if mask >> i & 1]
    reached = 0
    for k in needed:
        reached |= bits.get(k, 0)
    for cell in found.cells.values():
        line = lines.get((cell.visit.file, cell.visit.statement))
        if line is None:
            continue
        mask = 0
        for k in cell.keys:
            # Where the path leaves TensorFlow nothing leads on to the target: then every line behind the source counts.
            mask |= bits.get(k, 0) if k in needed else bits.get(k, 0) & ~reached
        line.way = [s.name for i, s in enumerate(sources) if mask >> i & 1 or s.name in line.way]
    for m in lacking:
        for at in m.lines:
            if at in lines and m.name not in lines[at].missing:
                lines[at].missing.append(m.name)


def _needed(found: Measured) -> set[int]:
    """The values that the target was computed from."""
    needed = {key(t) for t in found.targets}
    for op in reversed(found.ops):
        if any(k in needed for k in op.outs):
            needed.update(op.ins)
        elif op.type.startswith("Assign") and op.ins and op.ins[0] in needed:
            needed.update(op.ins)
    return needed


def arrows(found: Measured) -> list[Arrow]:
    """Values that were made outside the tape, or by Python, and are used inside it on another line."""
    tape = found.tape
    if tape is None:
        return []
    found_arrows: dict[tuple[Any, ...], Arrow] = {}
    tensors = found.stretch.tensors
    for op in found.ops:
        if tape.number not in op.active or op.visit is None or len(found_arrows) >= ARROWS:
            continue
        for k in op.ins:
            visit, inside = found.made.get(k), found.inside.get(k)
            if visit is None or inside is True or tensors[k].dtype not in FLOATS:
                continue
            target = _user(op.visit, visit)
            if (visit.file, visit.statement) == (target.file, target.statement):
                continue
            at = (visit.file, visit.statement, target.file, target.statement, visit.n)
            found_arrows.setdefault(at, Arrow(visit.file, visit.statement, visit.id, target.file, target.statement, target.id, "host" if inside is None else "outside", shape_of(tensors[k])))  # fmt: skip
    return list(found_arrows.values())


def _user(visit: Ran, maker: Ran) -> Ran:
    """The visit that uses a value, in the function that made it if that is around."""
    return next((v for v in visit.chain() if v.activation == maker.activation), visit)
