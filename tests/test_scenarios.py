"""The promise that every scenario keeps. New files are found by themselves."""

import re
from pathlib import Path

import numpy as np
import pytest
from kerases import GROUP, HERE, OTHER, scenarios_there
from question_checks import holds
from samples import sampled

import gradlab
from gradlab.authoring.catalogue import notebook_of
from gradlab.lab.measure import compare
from gradlab.lab.questions import load_question
from gradlab.lab.reading import Kind
from gradlab.lab.scenario import MARK
from gradlab.lab.training import train
from gradlab.lab.verdict import changed, judge

NAMES = gradlab.names()
NOTEBOOKS = Path(__file__).parents[1] / "notebooks"


@pytest.mark.parametrize("name", NAMES)
def test_the_run_agrees_with_what_the_scenario_says(name):
    scenario = gradlab.load(name)
    off, on = compare(scenario)
    predicts, breaks, verdict = scenario.expected(HERE)
    assert not changed(off), "with the switch off every source has its gradient"
    assert changed(on) == dict(breaks)
    assert judge(predicts, on) == verdict
    answers = load_question(name).answers
    space = {"off": off, "on": on, "np": np, "keras": HERE, "raised": None}
    assert [holds(a, space) for a in answers] == [a.right for a in answers], "the question's answers against this run"


@pytest.mark.xdist_group(GROUP)
@pytest.mark.parametrize("name", NAMES)
def test_the_run_agrees_under_the_other_keras(name):
    _, breaks, verdict = gradlab.load(name).expected(OTHER)
    there = scenarios_there()[name]
    assert there["changed"] == [{}, {n: k.value for n, k in breaks.items()}]
    assert there["verdict"] == verdict
    said = next(a.means for a in load_question(name).answers if a.right)
    if isinstance(said, dict) and set(said) == {2, 3}:
        assert all(there["changed"][1].get(source, "ok") == word for source, word in said[OTHER].items())


@pytest.mark.parametrize("name", sampled(NAMES, 6, first=1))
def test_a_second_run_reads_the_same(name):
    first, second = compare(name), compare(name)
    for one, two in zip(first, second, strict=True):
        assert one.kinds == two.kinds
        for a, b in zip(one.readings, two.readings, strict=True):
            assert (a.values is None) == (b.values is None)
            assert a.values is None or np.array_equal(a.values, b.values, equal_nan=True)


@pytest.mark.parametrize("name", NAMES)
def test_there_is_exactly_one_marked_switch(name):
    lines = gradlab.load(name).source.splitlines()
    marked = [line for line in lines if MARK in line]
    assert len(marked) == 1
    uses = [line for line in lines if re.search(r"\bbug\b", line.partition("#")[0]) and not line.startswith("def run(")]
    assert uses == marked, "`bug` is used in the marked line and nowhere else"


@pytest.mark.parametrize("name", NAMES)
def test_it_has_a_notebook_words_and_a_label_for_each_position(name):
    scenario = gradlab.load(name)
    scripts = [s for s in sorted(NOTEBOOKS.glob("[0-9]*.py")) if not s.name.startswith("00")]
    assert notebook_of(name, scripts), f'no notebook opens Panel("{name}")'
    assert scenario.name == name
    assert all(scenario.switch) and scenario.switch[0] != scenario.switch[1]
    for text in (scenario.title, scenario.claim, scenario.why, scenario.hint):
        assert len(text) > 10
    assert scenario.claims


ENDS = [
    (name, end) for name in NAMES for end in (0, 1)
]  # every third: of one scenario in three both, of one the low, of one the high


@pytest.mark.parametrize(
    ("name", "end"),
    [pytest.param(*e, marks=[] if n % 3 == 0 else [pytest.mark.weekly]) for n, e in enumerate(ENDS)],
)
def test_every_end_of_every_knob_runs(name, end):
    scenario = gradlab.load(name)
    for knob, span in scenario.knobs.items():
        for value in span[end::2]:
            off, on = compare(scenario, **{knob: value})
            assert off.error is None, f"{knob}={value}"
            assert on.error is None or Kind.RAISES in scenario.expected(HERE)[1].values(), f"{knob}={value}"


@pytest.mark.parametrize("name", sampled(NAMES, 5, first=2))
def test_thirty_steps_with_the_switch_off_lower_the_loss(name):
    scenario = gradlab.load(name)
    off, on = compare(scenario)
    variables = [n for n, s in off.sources.items() if hasattr(s, "assign")]
    if off.loss is None or not variables:
        assert not variables, "a scenario with weights has a scalar loss to train them by"
        return
    history = train(scenario, False, 30)
    assert history.losses[-1] < history.losses[0]
    if on.error is None:
        broken = train(scenario, True, 30)
        for source, kind in on.kinds.items():
            if kind in (Kind.NONE, Kind.ZERO) and source in broken.moved:
                assert broken.moved[source] < history.moved[source] or history.moved[source] == 0


def test_an_unknown_scenario_is_answered_with_the_nearest_and_all():
    with pytest.raises(LookupError, match=r"no scenario `integer_csat`.*`integer_cast`.*initial_state"):
        gradlab.load("integer_csat")


def test_an_unknown_knob_is_refused_by_name():
    with pytest.raises(TypeError, match=r"`integer_cast` has no knob `stpes`.*`steps`, `units`"):
        compare("integer_cast", stpes=3)


def test_a_device_that_is_not_here_is_refused_by_name():
    side = compare("integer_cast", device="/GPU:7")[0]
    assert side["run"].kind is Kind.RAISES
    assert "no device `/GPU:7`" in side["run"].note and "/CPU:0" in side["run"].note
