"""gradlab.Tape and tf.GradientTape agree on every differentiable op that can be called: value, derivative, exception."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import numpy as np
import pytest
import raw_ops
import tensorflow as tf

import gradlab
from gradlab.doctor.recording import hooks

ENOUGH = 150  # ops that must have been reached (of about 370 with a gradient), or the sweep shows little
SAMPLE = 10  # `make test` takes every tenth op: a tenth of three minutes


def eager(Tape: Any, op: Any) -> Any:
    with Tape() as tape:
        tape.watch(op.sources)
        out = op.run(*op.sources)
    return tape.gradient(out, op.sources)


def around_a_function(Tape: Any, op: Any) -> Any:
    function = tf.function(lambda *sources: op.run(*sources))
    with Tape() as tape:
        tape.watch(op.sources)
        out = function(*op.sources)
    return tape.gradient(out, op.sources)


def in_a_function(Tape: Any, op: Any) -> Any:
    @tf.function
    def step(*sources: Any) -> Any:
        with Tape() as tape:
            tape.watch(sources)
            out = op.run(*sources)
        slopes = tape.gradient(out, sources)
        return [tf.zeros([]) if s is None else s for s in slopes], [s is None for s in slopes]

    return step(*op.sources)


def by_batch_jacobian(Tape: Any, op: Any) -> Any:
    with Tape() as tape:
        tape.watch(op.sources[0])
        out = op.run(*op.sources)[0]
    return tape.batch_jacobian(out, op.sources[0])


def nested(Tape: Any, op: Any) -> Any:
    with Tape() as outer:
        outer.watch(op.sources)
        with Tape() as inner:
            inner.watch(op.sources)
            out = op.run(*op.sources)
        slopes = [s for s in inner.gradient(out, op.sources) if s is not None]
    return slopes, outer.gradient(slopes, op.sources)


FORMS = (eager, around_a_function, in_a_function, by_batch_jacobian, nested)


def outcome(form: Any, Tape: Any, op: Any) -> Any:
    tf.random.set_seed(5)
    try:
        found = form(Tape, op)
    except Exception as error:  # compared as it is: the type and its words, without numbers that count up
        return type(error).__name__, re.sub(r"\d+", "#", str(error).strip().splitlines()[0])[:120]
    leaves = tf.nest.flatten(found, expand_composites=True)
    return [None if g is None else g if isinstance(g, bool) else np.asarray(g) for g in leaves]


def same(a: Any, b: Any) -> bool:
    if isinstance(a, tuple) or isinstance(b, tuple):
        return a == b
    return len(a) == len(b) and all(
        (x is None) == (y is None) and (x is None or np.array_equal(x, y, equal_nan=np.asarray(x).dtype.kind in "fc"))
        for x, y in zip(a, b, strict=True)
    )


def test_every_tenth_differentiable_op_that_can_be_called():
    sweep(raw_ops.differentiable()[::SAMPLE], ENOUGH // SAMPLE)


@pytest.mark.weekly
def test_every_differentiable_op_that_can_be_called():
    sweep(raw_ops.differentiable(), ENOUGH)


def sweep(kinds: list[str], enough: int) -> None:
    differ: list[str] = []
    counts: Counter[str] = Counter()
    reached = 0
    for kind in kinds:
        op = raw_ops.called(kind)
        if op is None:
            continue
        reached += 1
        for form in FORMS:
            plain, ours = outcome(form, tf.GradientTape, op), outcome(form, gradlab.Tape, op)
            how = "the same exception" if isinstance(plain, tuple) else "the same values"
            if same(plain, ours):
                counts[how] += 1
            elif same(plain, outcome(form, tf.GradientTape, op)):  # not an op that differs from itself
                differ.append(f"{kind}, {form.__name__}: {plain} and {ours}")
            else:
                counts["differs from itself"] += 1
    print(f"\n{reached} of {len(kinds)} differentiable ops, {len(FORMS)} forms: {dict(counts)}, {len(differ)} differ")
    assert not differ, "\n".join(differ[:20])
    assert reached >= enough
    assert not hooks.installed()
