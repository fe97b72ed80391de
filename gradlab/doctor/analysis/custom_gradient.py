"""Is a user's custom gradient what their function's values say? The function's ops run again with an input moved.

A function under tf.custom_gradient hides its ops from the tape, but not from the recording: the ops whose stack lies
inside the call are the function.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from gradlab.doctor.analysis.dataflow import Flow
from gradlab.doctor.analysis.rerun_op import call, inputs_of
from gradlab.doctor.op_types import COPIES
from gradlab.doctor.recording.recorded_run import Run, values_of
from gradlab.doctor.recording.trace import Op

# Two steps, relative to the input's size: their difference tells curvature and rounding from a real contradiction.
# float32 rounds at 6e-8, so a central difference is good to about 1e-5 with the first and 1e-4 with the second.
STEPS = (1e-2, 2.5e-3)
TRIES = 3  # random directions: in one, a wrong part may by chance not show
MAX_OPS = 200  # of a function that is run again: longer ones take too long beside the report
SETTLED = 0.1  # the two steps agree within this part of the slope, or nothing is said
WRONG = 0.03  # a gradient that is off by more than this part, and by more than three times what the steps disagree
ROUNDING = 1e-6  # of the sum of the terms, over the step: what float32 loses in a difference
FLAT = 0.02  # a function whose slope is less than this part of what its gradient says exists for its gradient


@dataclass(frozen=True)
class CustomGradientMismatch:
    """What a custom gradient does that its function's values do not say."""

    op: Op  # the op that carries the custom gradient
    on_purpose: bool  # the function hands its argument on, or is flat: it exists for its gradient
    detail: str


def contradicted(run: Run, flow: Flow) -> CustomGradientMismatch | None:
    """The custom gradient nearest the loss that a finite difference of its function contradicts; None if there is none
    that could be checked."""
    for op in reversed(flow.path):
        if "custom_gradient" in op.marks and op.type in COPIES and op.stack:
            inside = _inside(run, op)
            for k in _arguments(run, flow, inside):
                found = _compare(run, op, inside, k)
                if found is not None:
                    return found
    return None


def _inside(run: Run, op: Op) -> list[Op]:
    """The ops of the function whose result `op` hands on: those before it in the same call."""
    n, found = len(op.stack), list[Op]()
    for other in reversed(run.trace.ops[: _position(run, op)]):
        if len(other.stack) > n and other.stack[-n:] == op.stack:
            found.append(other)
        elif other.stack == op.stack and "custom_gradient" in other.marks and other.type in COPIES:
            if found:
                break  # an earlier call in the same line
        elif found:
            break
        if len(found) > MAX_OPS:
            return []
    return found[::-1]


def _position(run: Run, op: Op) -> int:
    return next(i for i, other in enumerate(run.trace.ops) if other is op)


def _arguments(run: Run, flow: Flow, inside: list[Op]) -> list[int]:
    """What the function was given on the way from the source, and nothing else on the way to the loss reads."""
    made = {k for op in inside for k in op.outs}
    ours = {op.index for op in inside}
    given = dict.fromkeys(k for op in inside for k in op.ins if k not in made and k in flow.tainted and run.is_float(k))
    others = {k for op in run.trace.ops if op.index in flow.needed and op.index not in ours for k in op.ins}
    return [k for k in given if k not in others and run.gradients.get(k) is not None]


def _compare(run: Run, op: Op, inside: list[Op], k: int) -> CustomGradientMismatch | None:
    arriving = [(o, run.gradients.get(o)) for o in op.outs if run.is_float(o)]
    pairs = [(source, g) for source, (_, g) in zip(op.ins, arriving, strict=False) if g is not None]
    start = run.value(k)
    if not pairs or start.dtype not in (tf.float32, tf.float64):
        return None
    slopes = np.asarray(tf.convert_to_tensor(run.gradients[k]), np.float64)
    size = min(max(float(np.sqrt(np.mean(np.square(np.asarray(start, np.float64))))), 1e-2), 1.0)
    for seed in range(TRIES):
        direction = np.random.default_rng(seed).choice([-1.0, 1.0], size=tuple(start.shape)) * size
        measured = []
        for eps in STEPS:
            up, down = (
                _total(run, inside, k, start + tf.cast(s * eps * direction, start.dtype), pairs) for s in (1, -1)
            )
            if up is None or down is None:
                return None
            measured.append((up[0] - down[0]) / (2 * eps))
            noise = ROUNDING * max(up[1], down[1]) / eps
        a, b = measured
        said = float(np.sum(slopes * direction))
        scale = max(abs(b), abs(said))
        if abs(a - b) > SETTLED * scale + noise or abs(said - b) <= WRONG * scale + 3 * abs(a - b) + noise:
            continue
        same = any(
            run.value(o).shape == start.shape and np.array_equal(np.asarray(run.value(o)), np.asarray(start))
            for o, _ in arriving
        )
        detail = f"the custom gradient alone says {said:.4g}, a finite difference of its function {b:.4g}"
        return CustomGradientMismatch(op, same or abs(b) <= FLAT * abs(said), detail)
    return None


def _total(run: Run, inside: list[Op], k: int, moved: Any, pairs: list[tuple[int, Any]]) -> tuple[float, float] | None:
    """The function's results weighted with the gradients that arrive there, and the sum of the sizes of the terms; None
    if an op can't be run alone."""
    known: dict[int, Any] = {k: moved}
    for op in inside:
        given = [known.get(i, v) for i, v in zip(op.ins, inputs_of(run, op), strict=True)]
        if not any(i in known for i in op.ins):
            continue
        out = call(op, given)
        if out is None:
            return None
        outs = list(out) if isinstance(out, (list, tuple)) else [out]
        known.update(zip(op.outs, outs, strict=False))
    terms = [
        np.asarray(known.get(i, run.value(i)), np.float64) * np.asarray(tf.convert_to_tensor(values_of(g)), np.float64)
        for i, g in pairs
    ]
    return float(sum(t.sum() for t in terms)), float(sum(np.abs(t).sum() for t in terms))
