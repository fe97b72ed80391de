"""A note on gradients that are there and cover only a part: a value on the way is kept in a variable."""

from __future__ import annotations

from gradlab.doctor import op_types
from gradlab.doctor.analysis.dataflow import backward, forward
from gradlab.doctor.recording.frames import places
from gradlab.doctor.recording.recorded_run import Run
from gradlab.doctor.recording.sources import Source
from gradlab.doctor.recording.trace import Op, Trace

NAMES = 3  # of variables in the note


def notes(run: Run, sources: list[Source]) -> list[str]:
    """One note for each set of gradients that such writes shorten; `sources`: those whose gradient is there."""
    writes = [op for op in run.trace.ops if op_types.is_write(op.type) and op.stack and len(op.ins) > 1]
    if not writes or not sources:
        return []
    needed = backward(run.trace, run.target_keys, run.reads)
    writes = [op for op in writes if op.index in needed]
    if not writes:
        return []
    handles = {run.seed(s) for s in sources}
    passing = Trace([op for op in run.trace.ops if op.type not in op_types.STOPS and not op_types.is_write(op.type)])
    said: dict[tuple[str, int], tuple[Op, list[str]]] = {}
    for source in sources:
        reached, _, _ = forward(passing, [run.seed(source)], run.reads)
        for op in writes:
            if op.ins[0] not in handles and any(k in reached for k in op.ins[1:]):
                place = places(op.stack)[0]
                names = said.setdefault((place.file, place.line), (op, []))[1]
                names.extend([source.name] if source.name not in names else [])
    together: dict[tuple[str, ...], list[Op]] = {}  # several states of one layer are written by lines of their own
    for op, names in said.values():
        together.setdefault(tuple(names), []).append(op)
    return [_note(ops, names) for names, ops in together.items()]


def _note(ops: list[Op], names: tuple[str, ...]) -> str:
    more = f" and {len(names) - NAMES} more" if len(names) > NAMES else ""
    lines = " and ".join(f"{place.shown} `{place.code}`" for place in (places(op.stack)[0] for op in ops))
    keeps = f"{lines} keeps a value in a variable" if len(ops) == 1 else f"{lines} keep values in variables"
    it = "it" if len(ops) == 1 else "them"
    return (
        f"only a part of the gradient of {', '.join(names[:NAMES])}{more} is there: {keeps}, where the gradient ends, and the "
        f"loss reads {it} again. `gradlab annotate SCRIPT` shows each line's part"
    )
