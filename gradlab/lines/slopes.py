"""The norm of the gradient of each value, asked of the mirror of the learner's tape."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from gradlab.lines import hooks
from gradlab.lines.doctor_parts import FLOATS, call_again
from gradlab.lines.recorded import Op
from gradlab.runtime.exceptions import sentence

if TYPE_CHECKING:
    from gradlab.lines.values import Measured


ROWS = 16  # rows of a target that is no scalar up to which the whole Jacobian is measured: each row is a gradient call


def norms_of(found: Measured, keys: list[int], extra: list[Any]) -> dict[int, float | None] | None:
    """{value: norm of its gradient}, without the values that have none. None: the tape refused."""
    tape, ask = found.tape, found.ask
    targets = [t for t in found.targets if t.dtype in FLOATS]
    if tape is None or ask is None or tape.mirror is None:
        return None
    found.given = [None] * len(extra)
    if not targets:
        return {}
    tensors = found.stretch.tensors
    late = {
        k: op
        for k in keys
        if (op := tape.late.get(k)) is not None and k not in found.reads and not _recorded(found, op, k)
    }
    wanted = list(dict.fromkeys([*keys, *(o for op in late.values() for o in op.outs if tensors[o].dtype in FLOATS)]))
    asked = [*(tensors[k] for k in wanted), *extra]
    seeds = _seeds(found, targets)
    squares: dict[int, float] = {}
    unknown: set[int] = set()
    gradient = hooks.plain("gradient")
    for weights in seeds:
        try:
            slopes = gradient(tape.mirror, targets, asked, output_gradients=weights)
        except Exception as error:  # an op on the way may refuse in any way; it is said in the notes
            found.fault = sentence(error)
            return None
        found.given = slopes[len(wanted) :]
        have = {k: g for k, g in zip(wanted, slopes, strict=False) if g is not None}
        for k, op in late.items():
            more = _through(found, op, k, have)
            if more is unknown_slope:
                unknown.add(k)
            elif more is not None:
                have[k] = more if have.get(k) is None else tf.convert_to_tensor(have[k]) + more
        for k in keys:
            if k in have:
                squares[k] = _sum(squares.get(k), norm(have[k]))
    found_norms: dict[int, float | None] = dict(squares)
    found_norms.update(dict.fromkeys(unknown))
    return found_norms


def _sum(before: float | None, size: float) -> float:
    return (
        size if before is None else (math.nan if math.isnan(before) or math.isnan(size) else math.hypot(before, size))
    )


def _seeds(found: Measured, targets: list[Any]) -> list[Any]:
    """The weights of the target, one for each gradient call."""
    ask = found.ask
    assert ask is not None
    if ask.what == "gradient":
        found.measure = (
            "gradient" if all(t.shape.num_elements() == 1 for t in targets) or ask.weights is not None else "sum"
        )
        if ask.weights is None:
            return [None]
        given = tf.nest.flatten(ask.weights)
        return [given if len(given) == len(targets) else None]
    found.measure = "jacobian"
    target = targets[0]
    size = int(target.shape.num_elements() or 0)
    # A batch Jacobian is block diagonal: row i of every example at once gives the same numbers.
    batch = int(target.shape[0]) if ask.what == "batch_jacobian" and target.shape.rank else 1
    rows = size // max(batch, 1)
    if rows > ROWS or rows < 1:
        found.measure = "sum"
        return [None]
    eye = np.eye(rows).reshape(rows, *([1] if ask.what == "batch_jacobian" else []), rows)
    seeds = []
    for row in eye:
        spread = np.broadcast_to(row, (batch, rows)) if ask.what == "batch_jacobian" else row
        seeds.append([tf.constant(np.ascontiguousarray(spread).reshape(tuple(target.shape)), target.dtype)])
    return seeds


def _recorded(found: Measured, op: Op, k: int) -> bool:
    """Did the tape record this op with its input `k`? It does, before `k` is watched, if it watches another input."""
    tensors = found.stretch.tensors
    outs = [tensors[o] for o in op.outs if tensors[o].dtype in FLOATS]
    assert found.tape is not None
    if not outs or op.type == "EagerPyFunc":  # a py_function can be differentiated once: not for a look
        return True
    return hooks.plain("gradient")(found.tape.mirror, outs, tensors[k]) is not None


unknown_slope = object()


def _through(found: Measured, op: Op, k: int, have: dict[int, Any]) -> Any:
    """What one op passes back to its input `k`, from running it again by itself; None if nothing arrives at it.

    For a value that was watched only after this op had used it.
    """
    tensors = found.stretch.tensors
    arriving = [(i, have[o]) for i, o in enumerate(op.outs) if have.get(o) is not None]
    if not arriving:
        return None
    if op.type == "StopGradient":
        return None
    with tf.GradientTape() as tape:
        source = tf.identity(tensors[k])
        tape.watch(source)
        again = call_again(op, [source if i == k else tensors[i] for i in op.ins])
    if again is None or len(again) != len(op.outs):
        return unknown_slope
    try:
        return tape.gradient(
            [again[i] for i, _ in arriving], source, output_gradients=[tf.convert_to_tensor(g) for _, g in arriving]
        )
    except (LookupError, TypeError, ValueError, tf.errors.InvalidArgumentError):
        return unknown_slope


def norm(gradient: Any) -> float:
    """The Euclidean norm of a gradient in double precision; of IndexedSlices with repeated rows added up first."""
    if isinstance(gradient, tf.IndexedSlices):
        gradient = tf.convert_to_tensor(gradient)
    array = np.asarray(gradient)
    if array.dtype.kind not in "fc":  # bfloat16 is no type of NumPy's own
        array = array.astype(np.float64)
    array = np.abs(array).astype(np.float64).reshape(-1)
    with np.errstate(all="ignore"):
        total = float(np.sqrt(array.dot(array)))
        if (math.isinf(total) and np.isfinite(array).all()) or (total == 0.0 and array.any()):
            top = float(array.max())  # squares left the range of double precision
            total = top * float(np.sqrt(((array / top) ** 2).sum()))
    return total
