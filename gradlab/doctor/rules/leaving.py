"""Did the source's value leave TensorFlow and come back as a number? Answered from one recorded run and the text alone,
for code that must not run again.

Three things must hold: the value was handed to Python or NumPy at a line (a conversion was heard, or the text of the
line says so), an op that the loss needs took in a number that Python made later, and the text leads from the one to
the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from gradlab.doctor.analysis.dataflow import Flow, is_call, is_write
from gradlab.doctor.recording.frames import Place, places
from gradlab.doctor.recording.recorded_run import Run
from gradlab.doctor.recording.sources import Source
from gradlab.doctor.recording.trace import Op
from gradlab.doctor.rules import left_tensorflow
from gradlab.doctor.rules.finding import Finding
from gradlab.doctor.source_code import syntax
from gradlab.doctor.source_code.host_calls import in_text, readers
from gradlab.doctor.source_code.scope import Scene
from gradlab.doctor.source_code.value_flow import BRANCH, LOSS, NOWHERE, Reach


@dataclass
class Exit:
    """A line that takes a value out of TensorFlow, with the calls around it, after op number `after`."""

    spots: list[Place]
    how: str
    after: int
    heard: bool  # a conversion was heard there; otherwise the text says so


def entries(run: Run, flow: Flow, source: Source) -> list[Op]:
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


def find(run: Run, flow: Flow, source: Source, scene: Scene) -> Finding | None:
    """The exit whose value came back into the loss, nearest the loss first; None if there is none."""
    bare = any(k != run.seed(source) and run.from_host(k) for k in run.target_keys)
    back = entries(run, flow, source)
    reach = Reach(back, (op for op in run.trace.ops if op.index in flow.needed), scene.spots if bare else (), bare)
    unsure: Exit | None = None
    for way_out in _exits(run, flow, source, scene):
        hit = reach.follow(way_out.spots, way_out.after)
        if hit is None and way_out.heard:
            unsure = unsure or way_out
        elif hit is not None and hit != NOWHERE:
            return _finding(way_out, hit)
    if unsure is None or not (back or bare):
        return None
    found = _finding(unsure, "")
    found.confidence = 0.5
    return found


def _finding(way_out: Exit, hit: Op | str) -> Finding:
    spots = way_out.spots[:1]
    back = hit if isinstance(hit, Op) else None
    again = places(back.stack) if back is not None else []
    words = {LOSS: " and came back as the loss", BRANCH: " and only decides what runs", "": ""}
    evidence = "its value left TensorFlow here" + (
        words[hit] if isinstance(hit, str) else f" and came back as a plain number in line {again[0].line}"
    )
    if back is not None and is_write(back):
        return Finding("state-assign", again + [p for p in spots if p not in again], back.type, evidence, 0.8)
    where = spots + [p for p in again if p not in spots]
    if back is not None and any(p in back.type for p in ("Dataset", "Iterator")):
        return Finding("stateful-pipeline", where, back.type, evidence, 0.7)
    cause = "py-function" if way_out.how == "py_function" else "numpy-conversion"
    return Finding(cause, where, way_out.how, evidence, 0.85 if way_out.heard else 0.8)


def _exits(run: Run, flow: Flow, source: Source, scene: Scene) -> Iterator[Exit]:
    """Lines where the source's value left TensorFlow, the latest first."""
    found: list[Exit] = []
    for c in run.trace.conversions:
        if (
            c.key in flow.tainted
            and c.kind not in left_tensorflow.CONTROL
            and c.stack
            and not left_tensorflow.is_speech(c.stack)
        ):
            how = "py_function" if "py_function" in c.marks else c.kind
            found.append(Exit(places(c.stack), how, c.before - 1, True))
    seen: set[tuple[Place, ...]] = set()
    for op in reversed(run.trace.ops):
        spots = tuple(places(op.stack))
        if op.index not in flow.carriers or not spots or spots in seen:
            continue
        seen.add(spots)
        found += [Exit(way, how, op.index, False) for way, how in in_text(list(spots))]
    if not source.is_variable:
        found += [Exit(way, how, -1, False) for way, how in _of_names(scene.aliases(source), scene)]
    order = {id(e): n for n, e in enumerate(found)}
    yield from sorted(found, key=lambda e: (-e.after, not e.heard, order[id(e)]))


def _of_names(names: set[str], scene: Scene) -> Iterator[tuple[list[Place], str]]:
    """Host calls on a source that has one of these names."""
    for file, line in scene.spots:
        tree = syntax.module(file)
        if tree is not None and names:
            yield from readers(tree, file, syntax.scopes(tree, line)[0], names, 0, [Place(file, line)], 2)
