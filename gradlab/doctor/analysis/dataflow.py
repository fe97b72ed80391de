"""Which values depend on a source and which the loss depends on, through every dtype and through variables' state."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gradlab.doctor import op_types
from gradlab.doctor.op_types import OVERWRITES, SHAPE_ONLY
from gradlab.doctor.op_types import READS as READS
from gradlab.doctor.recording.recorded_run import Run
from gradlab.doctor.recording.sources import Source
from gradlab.doctor.recording.trace import Op, Trace


def state(handle: int) -> int:
    """The key under which the content of a resource is tracked (tensor keys are never negative)."""
    return -handle - 1


@dataclass
class Flow:
    """Forward and backward reach between sources and targets."""

    tainted: set[int]  # keys of tensors (and states) that depend on the source at some time
    carriers: dict[int, list[int]]  # op index -> its input keys (or states) that carried the source
    needed: set[int]  # indices of ops that the targets depend on
    path: list[Op]  # ops on a way from the source to the targets, in order
    read_by: dict[int, Op]  # op index of a read -> the write whose value it saw
    reached: bool  # a target depends on the source


def forward(
    trace: Trace, seeds: Iterable[int], reads: dict[int, int]
) -> tuple[set[int], dict[int, list[int]], dict[int, Op]]:
    """Follow `seeds` (tensor keys and handle keys) forward. `reads` maps a tensor that was read from a variable unseen
    to its handle."""
    now: set[int] = set()
    seeds = list(seeds)
    for s in seeds:
        now.add(s)
        now.add(state(s))
    # A tape's gradient goes to the variable, whatever was assigned to it in between.
    own = {state(s) for s in seeds}
    ever = set(now)
    carriers: dict[int, list[int]] = {}
    last_write: dict[int, Op] = {}
    seen_by: dict[int, Op] = {}
    for op in trace.ops:
        hit: list[int] = []
        for k in op.ins:
            handle = reads.get(k)
            if handle is not None:
                if state(handle) in now:
                    hit.append(k)
                    now.add(k)
                    ever.add(k)
                    if handle in last_write:
                        seen_by.setdefault(k, last_write[handle])
            elif k in now or state(k) in now:
                hit.append(k)
                if k in last_write:
                    seen_by.setdefault(-op.index - 1, last_write[k])
        if op_types.is_write(op.type) and op.ins:
            # The handle of a write is its first input, except for MakeIterator(dataset, iterator).
            handle = op.ins[-1] if op.type == "MakeIterator" else op.ins[0]
            values = [k for k in hit if k != handle]
            if values:
                carriers[op.index] = values
                now.add(state(handle))
                ever.add(state(handle))
                last_write[handle] = op
            elif op.type in OVERWRITES and state(handle) not in own:
                now.discard(state(handle))
                now.discard(handle)
                last_write.pop(handle, None)
            # AssignAdd and friends keep an earlier dependence.
            continue
        if hit and op.type not in SHAPE_ONLY:
            carriers[op.index] = hit
            for k in op.outs:
                now.add(k)
                ever.add(k)
    return ever, carriers, seen_by


def backward(trace: Trace, targets: Iterable[int], reads: dict[int, int]) -> set[int]:
    """Indices of the ops that the targets' values depend on."""
    wanted = set(targets)
    needed: set[int] = set()
    wanted |= {state(reads[k]) for k in wanted if k in reads}
    for op in reversed(trace.ops):
        if op_types.is_write(op.type) and op.ins:
            handle = op.ins[-1] if op.type == "MakeIterator" else op.ins[0]
            if state(handle) not in wanted:
                continue
            needed.add(op.index)
            if op.type in OVERWRITES:
                wanted.discard(state(handle))
            for k in op.ins:
                if k != handle:
                    wanted.add(k)
                    if k in reads:
                        wanted.add(state(reads[k]))
            continue
        if not any(k in wanted for k in op.outs):
            continue
        needed.add(op.index)
        if op.type in SHAPE_ONLY:
            continue
        for k in op.ins:
            wanted.add(k)
            wanted.add(state(k))
            if k in reads:
                wanted.add(state(reads[k]))
    return needed


def between(trace: Trace, seeds: Iterable[int], targets: Iterable[int], reads: dict[int, int]) -> Flow:
    """The flow from `seeds` to `targets`."""
    targets = list(targets)
    tainted, carriers, read_by = forward(trace, seeds, reads)
    needed = backward(trace, targets, reads)
    path = [op for op in trace.ops if op.index in needed and op.index in carriers]
    seeds = set(seeds)
    reached = any(k in tainted or k in seeds for k in targets)
    return Flow(tainted, carriers, needed, path, read_by, reached)


def flow(run: Run, source: Source) -> Flow:
    """The flow from a source to the targets of a run."""
    return between(run.trace, [run.seed(source)], run.target_keys, run.reads)
