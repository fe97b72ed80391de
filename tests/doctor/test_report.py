"""Reports in a terminal, in a notebook and as data."""

from __future__ import annotations

import html.parser
import json
import linecache
import re
import sys

import pytest
import tensorflow as tf

import gradlab
from gradlab import Kind
from gradlab.doctor.frontends.call import recorded_tapes, reports


def cell(source: str, name: str) -> dict:
    """Run source the way a notebook kernel does: compiled under a pseudo file name, with its lines in linecache."""
    linecache.cache[name] = (len(source), None, source.splitlines(True), name)
    namespace: dict = {"tf": tf, "gradlab": gradlab}
    exec(compile(source, name, "exec"), namespace)
    return namespace


class Checker(html.parser.HTMLParser):
    """Every tag that is opened is closed, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.attributes: dict[str, str] = {}
        self.labels: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        self.attributes |= {k: v or "" for k, v in attrs}
        self.labels += [v for k, v in attrs if k == "aria-label"]
        if tag not in ("meta", "br", "line", "circle", "rect", "path"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in ("line", "circle", "rect", "path"):
            assert self.open.pop() == tag


CELL = """w = tf.Variable([1.0, 2.0])
def loss():
    h = tf.tanh(w * 3.0)
    code = tf.round(h) if len(h) < 5 else h
    return tf.reduce_sum(code * 2.0)
report = gradlab.explain(loss, {"<b>w</b>": w})
"""


def test_notebook_cells_are_the_learners_code():
    for name in ("/tmp/ipykernel_77/123.py", "<ipython-input-3-abc>"):
        row = cell(CELL, name)["report"].problems[0]
        assert (row.where[0].file, row.where[0].line, row.cause) == (name, 4, "no-gradient-op")
        assert row.where[0].code == "code = tf.round(h) if len(h) < 5 else h"


def test_html_is_escaped_marked_and_whole():
    report = cell(CELL, "<ipython-input-4-abc>")["report"]
    text = report._repr_html_()
    checker = Checker()
    checker.feed(text)
    assert checker.open == []
    assert "<b>w</b>" not in text and "&lt;b&gt;w&lt;/b&gt;" in text
    assert "len(h) &lt; 5" in text
    assert '<span class="gl-cut">▶' in text and "cut here" in text
    assert "svg" in checker.seen and any("the cut" in label for label in checker.labels)
    assert Kind.NONE.word in text and "∅" in text
    assert "http://" not in text and "https://" not in text and "<script" not in text


def test_path_has_norms_and_the_cut():
    row = cell(CELL, "<ipython-input-5-abc>")["report"].problems[0]
    cut = [s for s in row.path if s.cut]
    assert [s.place.line for s in cut] == [4]
    assert [s.place.line for s in row.path] == sorted(s.place.line for s in row.path)
    before = [s.norm for s in row.path if s.place.line == 3]
    after = [s.norm for s in row.path if s.place.line == 5]
    assert before == [None] and after[0] is not None and after[0] > 0


def test_a_report_without_a_count_of_ops_says_none():
    rows = [gradlab.doctor.Diagnosis("w", Kind.OK, norm=0.5)]
    assert "ops recorded" not in gradlab.doctor.Report(rows)._repr_html_()
    assert "<small>7 ops recorded</small>" in gradlab.doctor.Report(rows, ops=7)._repr_html_()


def test_repr_and_dict():
    report = cell(CELL, "<ipython-input-6-abc>")["report"]
    text = repr(report)
    assert "no-gradient-op" in text and "notebook cell, line 4" in text and "fix:" in text and "evidence:" in text
    data = json.loads(json.dumps(report.to_dict()))
    assert data["rows"][0]["where"][0] == {
        "file": "<ipython-input-6-abc>",
        "line": 4,
        "function": "loss",
        "code": "code = tf.round(h) if len(h) < 5 else h",
    }
    assert {"name", "status", "cause", "where", "op", "evidence", "fix", "certainty"} <= set(data["rows"][0])


def test_problems_are_worst_first():
    a, b, c = tf.Variable([1.0]), tf.Variable([0.0]), tf.Variable([2.0])

    def loss():
        return tf.reduce_sum(tf.round(a)) + tf.reduce_sum(b**0.5) + tf.reduce_sum(c * 0.0) + tf.reduce_sum(c * 0.0)

    report = gradlab.explain(loss, {"c": c, "a": a, "b": b})
    assert [r.name for r in report.problems] == ["b", "a", "c"]
    assert [r.status for r in report.problems] == ["not finite", "none", "zero"]


def test_function_in_a_second_file(tmp_path, monkeypatch):
    (tmp_path / "my_model_part.py").write_text(
        "import tensorflow as tf\n\n\ndef quantise(x):\n    y = x * 4.0\n"
        "    return tf.cast(tf.cast(y, tf.int32), tf.float32)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    import my_model_part

    w = tf.Variable([1.0, 2.0])
    row = gradlab.explain(lambda: tf.reduce_sum(my_model_part.quantise(w) * 2.0), {"w": w}).row("w")
    assert (row.cause, row.where[0].line) == ("integer-cast", 6)
    assert row.where[0].file == str(tmp_path / "my_model_part.py")
    assert row.where[1].file == __file__


def test_a_report_shows_the_line_gradients_with_the_blamed_line(monkeypatch):
    w, v = tf.Variable([0.4, 1.3]), tf.Variable(3.0)

    def loss():
        h = tf.tanh(w * v)
        code = tf.round(h)
        return tf.reduce_sum(code * w)

    report = gradlab.explain(loss, {"w": w, "v": v})
    margin = report.lines
    assert margin is report.lines, "made once"
    assert [(c.source, c.cause) for x in margin.lines for c in x.cut] == [("v", report.row("v").cause)]
    cut = next(x for x in margin.lines if x.cut)
    assert cut.number == report.row("v").where[0].line and cut.text.strip() == "code = tf.round(h)"
    assert cut.visits[0].norm == pytest.approx(float(tf.norm(w))), "d loss / d code = w"
    assert {s.name: s.norm for s in margin.sources}["w"] == pytest.approx(report.row("w").norm)
    assert not margin.notes
    assert "✂ v" in repr(report) and "<details><summary>The code with" in report._repr_html_()
    data = report.to_dict()["lines"]
    assert data["lines"] == margin.to_dict()["lines"] and json.dumps(data)


def test_line_gradients_of_other_values_than_the_report_say_so():
    w = tf.Variable([0.4, 1.3])
    report = gradlab.explain(lambda: tf.reduce_sum(w * w), {"w": w})
    w.assign([5.0, 6.0])
    assert "another gradient than the report for w" in report.lines.notes[0]


def test_line_gradients_that_cost_too_much_or_fail_are_said_in_words(monkeypatch):
    w = tf.Variable([0.4, 1.3])
    report = gradlab.explain(lambda: tf.reduce_sum(w * w), {"w": w})
    report.run_seconds = 3.0
    assert "when report.lines is read" in repr(report) and report.to_dict()["lines"] is None
    assert report.lines.lines and "when report.lines" not in repr(report)
    report = gradlab.explain(lambda: tf.reduce_sum(w * w), {"w": w})
    monkeypatch.setattr(report, "look", lambda: 1 / 0)
    assert "no line gradients: ZeroDivisionError" in repr(report) and "ZeroDivisionError" in report._repr_html_()


def test_the_path_is_cut_at_the_line_that_the_row_names():
    w = tf.Variable([1.0, 2.0])

    def loss():
        guess = w * 2.0
        error = guess.numpy() - 1.0
        return tf.reduce_mean(error)

    row = gradlab.explain(loss, {"w": w}).row("w")
    assert "guess.numpy()" in row.where[0].code
    assert [s.place.line for s in row.path if s.cut] == [row.where[0].line]
    assert row.path[0].place.code == "guess = w * 2.0" and not row.path[0].cut


def test_last_report_says_that_a_later_exception_is_another_ones(monkeypatch):
    w = tf.Variable(1.0)
    monkeypatch.setattr(sys, "last_value", None, raising=False)
    with gradlab.Tape() as tape:
        loss = tf.round(w)
    tape.gradient(loss, w)
    fresh = gradlab.last_report()
    assert "test_report.py" in fresh.title and "earlier" not in fresh.title
    try:
        exec(compile("{}['other cell']", "<another cell>", "exec"), {})
    except KeyError as error:
        sys.last_value = error.with_traceback(error.__traceback__.tb_next)
    old = gradlab.last_report()
    assert re.search(r"test_report\.py.*an earlier call, at \d\d:\d\d:\d\d", old.title)
    assert any("not about the last exception (KeyError)" in note for note in old.notes)
    try:
        raise ValueError("of this code")
    except ValueError as error:
        sys.last_value = error
    assert "earlier" not in gradlab.last_report().title


def test_the_margin_asks_no_tape_of_the_program():
    """A script that shows a report runs under `gradlab explain`: what gradlab asks for the margin is no call of the script."""
    w = tf.Variable([1.0, 2.0])
    with recorded_tapes() as opened:
        assert gradlab.explain(lambda: tf.reduce_sum(tf.square(w)), {"w": w}).lines.lines
    assert reports(opened, None, over=True) == []
