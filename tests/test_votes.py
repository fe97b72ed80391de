"""The page of votes: nothing is told before a vote, and what is told is what the run gave."""

import re
from dataclasses import replace
from html import escape
from pathlib import Path

import pytest

import gradlab
from gradlab.lab.folded import folded
from gradlab.panel.votes import LARGE, Votes


def shown(widget):
    """All HTML that a widget shows."""
    value = getattr(widget, "value", "")
    return (value if isinstance(value, str) else "") + "".join(
        shown(child) for child in getattr(widget, "children", ())
    )


@pytest.fixture
def votes():
    return Votes("python_list", "nested_tapes", "cell_state_attribute")


def out_of_memory(bug, **things):
    raise ValueError("no memory")


def test_nothing_is_told_before_the_vote(votes):
    told = shown(votes) + votes._repr_mimebundle_()["text/html"] + repr(votes)
    assert not re.search(r"refuted|confirmed|measured:|raises for", told)
    assert not any(gradlab.load(name).why[:30] in told for name in votes.scenarios)
    assert "0 of 3 voted on" in told and "seen.append(h)" in told


def test_a_vote_is_held_against_the_run_and_the_first_one_counts(votes):
    votes.vote("python_list", True)
    votes.vote("nested_tapes", True)
    votes.vote("nested_tapes", False)
    assert votes.found == {"python_list": (True, "refuted"), "nested_tapes": (True, "confirmed")}
    told = shown(votes)
    assert "✗ Not as measured. You said: it is so. The claim is refuted." in told
    assert "✓ So it is measured. You said: it is so. The claim is confirmed." in told
    assert "every gradient stays as it was" in told and gradlab.load("python_list").why[:30] in told
    assert "inside the outer <code>with</code>" in told
    assert "2 of 3 voted on; the measurement agrees with 1 of your votes" in told
    assert "and not with those on" in told
    so, not_so = votes._buttons["nested_tapes"]
    assert (so.icon, not_so.icon) == ("check", "") and "your vote" in so.tooltip
    assert not so.disabled, "a browser takes the focus away from a disabled button"


def on_the_page():
    text = (Path(__file__).parents[1] / "notebooks" / "11_vote_on_claims.py").read_text(encoding="utf-8")
    return re.findall(r'"(\w+)"', re.search(r"Votes\(([^)]*)\)", text)[1])


@pytest.mark.parametrize("keras", [2, 3])
def test_voting_one_way_agrees_with_about_half(keras):
    held = [
        bool(gradlab.load(name).doubted) or gradlab.load(name).expected(keras)[2] == "confirmed"
        for name in on_the_page()
    ]
    assert 0.4 <= sum(held) / len(held) <= 0.6 + 0.02 * (keras == 2)  # 8 of 13 there, where one more sentence holds


def test_a_doubted_sentence_is_asked_and_measured():
    doubted = [name for name in on_the_page() if gradlab.load(name).doubted]
    page = Votes(*doubted)
    assert len(doubted) == 4 and "no weight loses its gradient" in shown(page)
    for name in doubted:
        assert gradlab.load(name).claim not in shown(page), "the popular sentence is told after the vote"
        page.vote(name, True)
        assert page.found[name] == (True, "confirmed") and escape(gradlab.load(name).claim)[:20] in shown(page)


def test_a_doubted_sentence_that_the_run_contradicts_is_refuted(votes):
    broken = gradlab.load("integer_cast")  # None for every weight
    votes.scenarios["python_list"] = replace(broken, breaks={}, doubted="Nothing changes.")
    votes.vote("python_list", True)
    assert votes.found["python_list"] == (True, "refuted")


def test_the_large_mode_can_be_switched_on_and_off(votes):
    assert LARGE in shown(votes)
    votes._large.value = True
    assert LARGE in votes._dom_classes
    votes._large.value = False
    assert LARGE not in votes._dom_classes


def test_a_click_is_a_vote_and_names_its_claim(votes):
    so, not_so = votes._buttons["cell_state_attribute"]
    assert gradlab.load("cell_state_attribute").claim in so.tooltip and so.description == "It is so"
    not_so.click()
    assert votes.found == {"cell_state_attribute": (False, "refuted")} and "raises for d c_T / d x" in shown(votes)


def test_what_cannot_be_measured_is_said_and_can_be_asked_again(votes, monkeypatch):
    monkeypatch.delenv("GRADLAB_STRICT")
    votes.scenarios["python_list"] = replace(votes.scenarios["python_list"], run=out_of_memory)
    votes.vote("python_list", True)
    assert "This could not be measured: ValueError: no memory" in shown(votes) and not votes.found
    told = repr(votes.measured()).splitlines()
    assert told[0] == "1. python_list: This could not be measured: ValueError: no memory"
    assert told[1].startswith("2. nested_tapes: confirmed.")


def test_headless_it_is_raised_as_well(votes):
    votes.scenarios["python_list"] = replace(votes.scenarios["python_list"], run=out_of_memory)
    with pytest.raises(ValueError, match="no memory"):
        votes.vote("python_list", True)
    assert "no memory" in shown(votes) and not votes.found
    with pytest.raises(ValueError, match="no memory"):
        votes.measured()


def test_an_announced_exception_is_a_result(votes):
    votes.vote("cell_state_attribute", False)
    assert votes.found == {"cell_state_attribute": (False, "refuted")}


def test_all_claims_at_once_are_folded(votes):
    told = votes.measured()
    assert repr(told).splitlines()[1].startswith("2. nested_tapes: confirmed.")
    assert told._repr_html_().startswith("<details><summary>All claims")


def test_a_name_that_is_no_scenario_and_no_name_at_all_are_told():
    with pytest.raises(LookupError, match="python_list"):
        Votes("python_lits")
    with pytest.raises(ValueError, match="at least one"):
        Votes()


def test_what_is_folded_is_plain_text_elsewhere():
    told = folded("a < b:", True, title="T")
    assert repr(told) == "a < b:\nTrue"
    assert told._repr_html_() == "<details><summary>T</summary><pre>a &lt; b:\nTrue</pre></details>"
