"""How reports read: one entry for rows that say the same, and ops by what they are in the user's line."""

from __future__ import annotations

import linecache

import pytest
import tensorflow as tf
from casefiles import FOLDER, load

import gradlab
from gradlab import Kind
from gradlab.doctor import Diagnosis, Report
from gradlab.doctor.recording.frames import Place
from gradlab.doctor.report.groups import groups, title
from gradlab.doctor.source_code.op_names import in_line


@pytest.mark.parametrize(
    ("line", "kind", "text"),
    [
        ("y = tf.round(h) * 2.0", "Round", "tf.round(h)"),
        ("y = a @ b", "MatMul", "a @ b"),
        ("y = a * b + c", "AddV2", "a * b + c"),
        ("n = tf.cast(h, tf.int32)", "Cast", "tf.cast(h, tf.int32)"),
        ("k = tf.math.top_k(h).indices", "TopKV2", "tf.math.top_k(h)"),
        ("y = tf.where(a > 0, a, b)", "SelectV2", "tf.where(a > 0, a, b)"),
        ("y = tf.where(a > 0, a, b)", "Greater", "a > 0"),
        ("s = tf.reduce_mean(h)", "Mean", "tf.reduce_mean(h)"),
        ("y = layer(x)", "MatMul", ""),  # inside a layer: the line does not spell it
        ("y = tf.round(a) + tf.round(b)", "Round", ""),  # which of the two is not known
    ],
)
def test_an_op_in_the_users_line(line, kind, text):
    name = f"<ipython-input-op-{hash(line)}>"
    linecache.cache[name] = (len(line), None, [line + "\n"], name)
    assert in_line(kind, Place(name, 1)) == text


def test_the_evidence_names_the_op_by_the_line():
    w = tf.Variable([1.0, 2.0])

    def loss():
        level = tf.round(w * 2.0)
        return tf.reduce_sum(level * 2.0)

    row = gradlab.explain(loss, {"w": w}).row("w")
    assert "`tf.round(w * 2.0)` (Round)" in row.evidence and row.op == "Round"


def test_forty_weights_with_one_cause_are_one_entry_with_forty_names():
    weights = {f"w{n}": tf.Variable([1.0 + n]) for n in range(40)}

    def loss():
        total = tf.add_n(list(weights.values()))
        return tf.reduce_sum(tf.floor(total) * 2.0)

    report = gradlab.explain(loss, weights, level="quick")
    assert len(report.rows) == 40 and {r.status for r in report.rows} == {Kind.NONE}
    text, page = repr(report), report._repr_html_()
    assert text.count("fix:") == page.count("<dt>Fix</dt>") == 1
    assert all(f"w{n}" in text and f"w{n}" in page for n in range(40))
    assert "40 of 40 gradients have a problem" in text and "w0 and 39 others" in text and "w0 and 39 others" in page


def test_rows_that_differ_in_anything_but_the_evidence_stay_apart():
    here, there = Place("a.py", 1), Place("a.py", 2)
    rows = [
        Diagnosis("a", Kind.NONE, "comparison", [here], evidence="1"),
        Diagnosis("b", Kind.NONE, "comparison", [here], evidence="2"),
        Diagnosis("c", Kind.NONE, "comparison", [there]),
        Diagnosis("d", Kind.ZERO, "comparison", [here]),
        Diagnosis("e", Kind.NONE, "argmax", [here]),
        Diagnosis("f", Kind.NONE),
        Diagnosis("g", Kind.NONE),
    ]
    found = groups(rows)
    assert ["".join(r.name for r in g) for g in found] == ["ab", "c", "d", "e", "f", "g"]
    assert title(found[0]) == "a and 1 other" and title(found[1]) == "c"
    assert Report(rows).to_dict()["problems"][0] == "a"


def test_a_state_that_starts_at_zero_is_no_mask():
    case = load(FOLDER / "448_state_dropped_between_steps.py")
    loss, sources = case.run()
    assert "initial_state" in gradlab.explain(loss, sources).row("recurrent").fix


def test_half_precision_that_overflows_is_told_with_its_numbers():
    scale, score = tf.constant(32_768.0, tf.float16), tf.Variable(1_234.0)

    def loss():
        return tf.cast(tf.cast(score, tf.float16) * scale, tf.float32) ** 2

    row = gradlab.explain(loss, {"score": score}).row("score")
    assert row.status is Kind.NOT_FINITE
    assert "1,234" in row.fix and "32,768" in row.fix and "65,504" in row.fix and "float32" in row.fix


def test_a_gradient_beyond_half_precision_is_told_with_the_scale_or_without_one():
    weight = tf.Variable(1.5)

    def loss(scale, unit=1.0):
        return (tf.cast(tf.cast(weight, tf.float16) * 2.0, tf.float32) * unit) ** 2 * scale

    scaled = gradlab.explain(lambda: loss(2.0**20), {"weight": weight}).row("weight")
    assert scaled.status is Kind.NOT_FINITE and scaled.cause == "nan-overflow"
    assert "float16's 65,504" in scaled.evidence and "1.04858e+06" in scaled.evidence and "loss scale" in scaled.fix
    # Without the factor of 8 it would not fit either, and 1000 is no factor of the loss: neither is to blame.
    steep = gradlab.explain(lambda: loss(8.0, 1000.0), {"weight": weight}).row("weight")
    assert steep.cause == "nan-overflow" and "multiplied" not in steep.evidence and "float32" in steep.fix
    assert gradlab.explain(lambda: loss(1024.0), {"weight": weight}).row("weight").status is Kind.OK


def test_a_second_derivative_that_is_none_is_told_as_one():
    x, w = tf.Variable([1.0, 2.0]), tf.Variable([0.5, 0.5])
    with gradlab.Tape() as outer:
        with gradlab.Tape() as inner:
            y = tf.reduce_sum(w * x)
        slope = inner.gradient(y, x)
    assert outer.gradient(slope, x) is None
    row = outer.report().row("x")
    assert (row.cause, row.where[0].code) == ("unconnected", "slope = inner.gradient(y, x)")
    assert "its own derivative is None" in row.evidence and "linear" in row.fix
