"""Is an op's own registered gradient wrong? Run it alone with its recorded inputs and compare with a central
difference."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import tensorflow as tf

from gradlab.doctor.analysis.dataflow import Flow
from gradlab.doctor.op_types import NOT_RUN_ALONE, ONE_LIST, WITH_LIST, is_draw, is_write
from gradlab.doctor.recording.recorded_run import Run
from gradlab.doctor.recording.sources import HALF
from gradlab.doctor.recording.trace import Op

MAX_ELEMENTS = 200_000  # of an input that is moved: beyond, one op takes longer than the run it is taken from
MAX_SHAPES = 200  # ops that are checked of one kind and shape: an unrolled loop repeats its ops at every step
TRIES = 3  # random directions: in one, a wrong part may by chance not show
STEPS = (1e-2, 2.5e-3)  # of the two central differences; the inputs of an op are taken as they are, not scaled
ROUNDING = 1e-6  # of the sum of the terms, over the step: what float32 loses in a difference, with a margin
SETTLED = 0.05  # the two differences agree within this part, or nothing is said
# A registered gradient that is off by more than this part, and by more than three times what the differences disagree.
WRONG, WOBBLE = 0.03, 3


def can_run(run: Run, op: Op) -> bool:
    """Can the op be run again by itself?"""
    return (
        "custom_gradient" not in op.marks and op.type not in NOT_RUN_ALONE and call(op, inputs_of(run, op)) is not None
    )


def local_vjp(run: Run, op: Op, k: int, *, wide: bool = False, arriving: Callable[[Any], Any] | None = None) -> Any:
    """What this op alone passes back to its input `k`, from running it again by itself; None if it cannot be run
    alone. With `wide` it computes in float32 what was recorded in half precision. `arriving` gives for an output the
    gradient that arrives there, in place of the recorded one."""
    if "custom_gradient" in op.marks or op.type in NOT_RUN_ALONE:
        return None
    inputs = inputs_of(run, op)
    if wide:
        inputs = [tf.cast(v, tf.float32) if getattr(v, "dtype", None) in HALF else v for v in inputs]
    with tf.GradientTape() as tape:
        source = tf.identity(inputs[op.ins.index(k)])
        tape.watch(source)
        again = call(op, [source if i == k else v for i, v in zip(op.ins, inputs, strict=True)])
    if again is None:
        return None
    outs = list(again) if isinstance(again, (list, tuple)) else [again]
    if arriving is not None:
        pairs = [(o, arriving(o)) for o in outs if o.dtype.is_floating]
    else:
        pairs = [(o, run.gradients[j]) for o, j in zip(outs, op.outs, strict=False) if run.gradients.get(j) is not None]
    if not pairs:
        return None
    try:
        return tape.gradient(
            [o for o, _ in pairs],
            source,
            output_gradients=[
                tf.cast(tf.convert_to_tensor(g), o.dtype) if wide else tf.convert_to_tensor(g) for o, g in pairs
            ],
        )
    except (LookupError, TypeError, ValueError, tf.errors.InvalidArgumentError):
        return None


def is_flat(run: Run, op: Op, keys: Iterable[int]) -> bool:
    """Does this op alone pass zero back to each of these inputs, whatever gradient arrives?"""
    passed = [local_vjp(run, op, k, arriving=_some) for k in keys]
    return bool(passed) and all(g is not None and not np.any(np.asarray(tf.convert_to_tensor(g))) for g in passed)


def _some(output: Any) -> Any:
    """A gradient with no zero in it, and no two parts alike: those of a softmax, for one, would cancel."""
    return tf.cast(np.random.RandomState(0).uniform(1.0, 2.0, output.shape), output.dtype)


def wrong_op(run: Run, flow: Flow) -> tuple[Op, str] | None:
    """The op nearest the loss whose gradient contradicts its own finite difference, with a sentence; None if all
    agree."""
    tried: set[tuple[str, tuple[Any, ...]]] = set()
    for op in reversed(flow.path):
        if op.type in NOT_RUN_ALONE or is_write(op.type) or is_draw(op.type):
            continue
        signature = op.type, tuple(tuple(run.value(k).shape) for k in op.ins if run.is_float(k))
        if signature in tried and len(tried) > MAX_SHAPES:
            continue
        tried.add(signature)
        detail = _check(run, op, flow.carriers[op.index])
        if detail:
            return op, detail
    return None


def inputs_of(run: Run, op: Op) -> list[Any]:
    """The op's inputs; a variable that was passed as it is counts as its value."""
    found = []
    for k in op.ins:
        value = run.value(k)
        if run.is_resource(k) and op.outs:
            try:
                value = tf.raw_ops.ReadVariableOp(resource=value, dtype=run.value(op.outs[0]).dtype)
            except (TypeError, tf.errors.OpError):
                value = run.value(k)  # a resource that is no variable of this dtype
        found.append(value)
    return found


def call(op: Op, inputs: list[Any]) -> Any:
    """What the op gives for these inputs, run by itself; None if it cannot be run."""
    function = getattr(tf.raw_ops, op.type, None)
    if function is None:
        return None
    names = [n for n in inspect.signature(function).parameters if n != "name"]
    attrs = op.attrs or ()
    given = dict(zip(attrs[::2], attrs[1::2], strict=False))
    if "@names" in given:
        by_name: dict[str, Any] = {n: v for n, v in given.items() if n in names}
        for n, v in zip(given["@names"], inputs, strict=True):
            by_name[n] = v if given["@names"].count(n) == 1 else [*by_name.get(n, []), v]
        return _run(function, by_name)
    listed = [n for n in names if n not in given]
    many = given.get("N", 0)
    if (
        op.type not in WITH_LIST and many > 1 and len(inputs) == many * len(listed)
    ):  # every input is a list, like DynamicStitch's
        return _run(function, {n: inputs[i * many : (i + 1) * many] for i, n in enumerate(listed)})
    if len(names) < len(inputs) and op.type not in WITH_LIST:
        return None
    keywords: dict[str, Any] = dict(zip(names, inputs, strict=False))
    if op.type in ONE_LIST:
        keywords, names = {names[0]: inputs}, [names[0]] * (len(inputs) - 1) + names
    elif op.type == "ConcatV2":
        keywords, names = (
            {"values": inputs[:-1], "axis": inputs[-1]},
            [""] * len(inputs) + [n for n in names if n not in ("values", "axis")],
        )
    for n in names[len(inputs) :]:
        if n in given:
            keywords[n] = given[n]
    return _run(function, keywords)


def _run(function: Any, keywords: dict[str, Any]) -> Any:
    try:
        return function(**keywords)
    except Exception:  # list inputs, type attributes and the like: this op cannot be run alone, so it is not judged
        return None


def _flat(out: Any) -> list[Any]:
    items = list(out) if isinstance(out, (list, tuple)) else [out]
    return [t for t in items if isinstance(t, tf.Tensor) and t.dtype.is_floating]


def _check(run: Run, op: Op, carriers: list[int]) -> str:
    inputs = inputs_of(run, op)
    floats = [
        i
        for i, k in enumerate(op.ins)
        if k in carriers and getattr(inputs[i], "dtype", None) in (tf.float32, tf.float64)
    ]
    if not floats or any(int(tf.size(inputs[i])) > MAX_ELEMENTS for i in floats):
        return ""
    return next((d for seed in range(TRIES) if (d := _tried(op, inputs, floats, seed))), "")


def _tried(op: Op, inputs: list[Any], floats: list[int], seed: int) -> str:
    """One random weighting of the op's outputs and one direction of its inputs; a sentence if they disagree."""
    rng = np.random.default_rng(seed)
    with tf.GradientTape() as tape:
        variables = [inputs[i] for i in floats]
        tape.watch(variables)
        outs = _flat(call(op, inputs))
        if not outs:
            return ""
        weights = [tf.constant(rng.normal(size=tuple(o.shape)), o.dtype) for o in outs]
        total = tf.add_n([tf.reduce_sum(tf.cast(o * w, tf.float64)) for o, w in zip(outs, weights, strict=True)])
    try:
        slopes = tape.gradient(total, variables)
    except LookupError:
        return ""
    if any(s is None for s in slopes):
        return ""
    size = sum(float(tf.reduce_sum(tf.abs(tf.cast(o * w, tf.float64)))) for o, w in zip(outs, weights, strict=True))
    directions = [rng.choice([-1.0, 1.0], size=tuple(v.shape)) for v in variables]
    expected = float(
        sum(
            np.sum(np.asarray(tf.convert_to_tensor(s), np.float64) * d) for s, d in zip(slopes, directions, strict=True)
        )
    )
    measured = []
    for eps in STEPS:
        ends = []
        for sign in (1, -1):
            moved = list(inputs)
            for i, d in zip(floats, directions, strict=True):
                moved[i] = inputs[i] + tf.cast(sign * eps * d, inputs[i].dtype)
            ends.append(
                sum(
                    float(tf.reduce_sum(tf.cast(o * w, tf.float64)))
                    for o, w in zip(_flat(call(op, moved)), weights, strict=True)
                )
            )
        measured.append((ends[0] - ends[1]) / (2 * eps))
    a, b = measured
    scale, noise = max(abs(b), abs(expected)), ROUNDING * size / STEPS[-1]
    if not np.isfinite([a, b, expected]).all() or abs(a - b) > SETTLED * scale + noise:
        return ""
    if abs(b - expected) > WRONG * scale + WOBBLE * abs(a - b) + noise:
        return f"{op.type} alone: its gradient says {expected:.4g}, a finite difference {b:.4g}"
    return ""
