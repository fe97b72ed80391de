"""The question of the first notebook: every answer is run when it is clicked, and none of them helps. And its curves."""

import json
import sys
from pathlib import Path

import pytest

from gradlab.panel.try_answers import TryAnswers
from gradlab.scenarios import _eight_lines as eight_lines

ROOT = Path(__file__).parents[1]


def test_none_of_the_three_answers_helps_and_the_margin_shows_where_it_ends():
    assert eight_lines.as_it_stands() == [None] * 3
    shown = TryAnswers(eight_lines.ANSWERS)
    words, page = shown.children[-2:]
    for number, (text, button) in enumerate(zip(eight_lines.ANSWERS, shown.children, strict=False), 1):
        button.click()
        assert shown.found[text] == (3, 3)
        assert "3 of 3 gradients are None. It was not that." in words.value
        assert "tf.round(5 * readout(state))" in page.value and "∅" in page.value
        assert ("You have tried all" in words.value) == (number == 3)


def test_without_the_rounding_every_answer_has_gradients():
    """So it is the rounding, and not another fault of these lines."""
    import inspect
    import textwrap

    for program in (eight_lines.as_it_stands, *eight_lines.ANSWERS.values()):
        source = textwrap.dedent(inspect.getsource(program))
        assert source.count("tf.round(5 * readout(state))") == 1
        space = dict(vars(eight_lines))
        exec(source.replace("tf.round(5 * readout(state))", "5 * readout(state)"), space)
        assert all(g is not None for g in space[program.__name__]())


def test_a_program_that_raises_is_told_in_words(monkeypatch):
    monkeypatch.delenv("GRADLAB_STRICT")

    def fails():
        raise ZeroDivisionError("oops")

    shown = TryAnswers({"A. Divide.": fails, "B. Nothing is lost.": lambda: [1.0]})
    shown.choose("A. Divide.")
    assert "could not be run: ZeroDivisionError: oops" in shown.children[-2].value
    monkeypatch.setenv("GRADLAB_STRICT", "1")
    with pytest.raises(ZeroDivisionError):
        shown.choose("A. Divide.")


def test_an_answer_runs_once_for_a_click():
    import tensorflow as tf

    v, runs = tf.Variable(2.0), []

    def once():
        runs.append(1)
        with tf.GradientTape() as tape:
            loss = v**2
        return [tape.gradient(loss, v)]

    shown = TryAnswers({"A. Square it.": once})
    shown.choose("A. Square it.")
    assert len(runs) == 1 and shown.found == {"A. Square it.": (0, 1)} and "loss = v**2" in shown.children[-1].value


BANDS = {
    "encoder inside the tape": (0.95, 1.0),
    "encoder before the tape": (0.4, 0.75),
    "decoder ignores the encoder": (0.0, 0.01),
}


def in_bands(measured):
    ends = {version: curve[-1] for version, curve in measured["curves"].items()}
    return set(ends) == set(BANDS) and all(low <= ends[v] <= high for v, (low, high) in BANDS.items())


def test_the_curves_of_the_first_page_are_those_that_its_text_tells():
    assert in_bands(json.loads((ROOT / "gradlab" / "lab" / "reversing.json").read_text(encoding="utf-8")))


@pytest.mark.weekly
def test_the_curves_come_out_of_the_notebook_again():
    sys.path.insert(0, str(ROOT / "tools"))
    from reversing_curves import curves

    assert in_bands(curves())


def test_the_first_page_needs_no_file_beside_it(tmp_path, monkeypatch):
    """Colab opens one notebook alone: all of its cells but those that start and ask run in an empty folder."""
    import jupytext

    monkeypatch.chdir(tmp_path)
    cells = jupytext.read(ROOT / "notebooks" / "00_start_here.py", fmt="py:percent").cells
    code = [c.source for c in cells if c.cell_type == "code" and "gradlab.start" not in c.source]
    assert sum("course" in c or "reversing" in c for c in code) == 3
    names: dict = {}
    exec("import gradlab", names)
    for source in code:
        exec(source, names)
