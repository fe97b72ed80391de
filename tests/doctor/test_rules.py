"""The rules as a whole: ranks, words, and one home for every cause."""

from __future__ import annotations

import ast
import re
from collections import Counter, defaultdict
from functools import lru_cache
from pathlib import Path

import pytest

import gradlab.doctor
from gradlab import Kind
from gradlab.doctor.certainty import Proof
from gradlab.doctor.rules import CUT, NO_PATH, Case, Cause, Finding, causes, diagnose, find, rule, rules
from gradlab.doctor.source_code.scope import UserScope

FOLDER = Path(gradlab.doctor.__file__).parent
FILES = sorted(FOLDER.rglob("*.py"))


def test_no_two_rules_of_a_question_have_one_rank():
    assert [pair for pair, n in Counter((r.question, r.rank) for r in rules()).items() if n > 1] == []


def test_every_status_has_rules():
    assert {r.question for r in rules()} == {CUT, NO_PATH, *Kind}


def test_every_rule_says_why():
    assert [r.name for r in rules() if len(r.reason) < 20] == []


def test_every_cause_has_words_and_a_fix_and_a_rule():
    for cause in causes().values():
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", cause.label) and cause.what and cause.fix
    homes = {path.stem: path.read_text() for path in (FOLDER / "rules").glob("*.py")}
    used = Counter(name for text in homes.values() for name in re.findall(r"\b[A-Z][A-Z_]+\b", text))
    for path in (FOLDER / "rules").glob("*.py"):
        for node in ast.parse(path.read_text()).body:
            if (
                isinstance(node, ast.Assign)
                and isinstance(node.value, ast.Call)
                and ast.unparse(node.value.func) == "Cause"
            ):
                assert used[node.targets[0].id] > 1, f"no rule finds {node.targets[0].id}"


@lru_cache
def spelled():
    """{text: the places where the code of the doctor spells it}."""
    found = defaultdict(list)
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found[node.value].append(f"{path.name}:{node.lineno}")
    return found


@pytest.mark.parametrize("label", causes())
def test_a_label_is_spelled_in_one_place_only(label):
    assert len(spelled()[label]) == 1, spelled()[label]


def case(**known):
    return Case("w", known.pop("status", Kind.NONE), UserScope(None), **known)


@pytest.fixture
def registry(monkeypatch):
    """Rules of a test's own, in place of the folder's."""
    mine: list = []
    monkeypatch.setattr("gradlab.doctor.rules._RULES", mine)
    monkeypatch.setattr("gradlab.doctor.rules.rules", lambda: sorted(mine, key=lambda r: r.rank))
    return mine


def test_the_first_finding_wins_and_brings_its_cause(registry):
    first, second = Cause("first", "a", "b"), Cause("second", "c", "d")
    asked = []

    @rule(Kind.NONE, rank=2, cause=second)
    def later(case):
        asked.append("later")
        return Finding([], "it is")

    @rule(Kind.NONE, rank=1, cause=first)
    def sooner(case):
        asked.append("sooner")

    @rule(Kind.NONE, rank=3, cause=first)
    def last(case):
        asked.append("last")

    assert find(case(), Kind.NONE).cause is second
    assert asked == ["sooner", "later"]
    assert find(case(), CUT) is None


def test_a_rule_that_fails_is_told_and_costs_no_report(registry):
    cause = Cause("late", "found by the next rule", "mend it")

    @rule("test", rank=1, cause=cause)
    def failing(case):
        """It fails."""
        raise KeyError("no such thing")

    @rule("test", rank=2, cause=cause)
    def next_one(case):
        """It answers."""
        return Finding([], "seen")

    with pytest.warns(RuntimeWarning, match=r"rule test_rules\.failing failed on the source 'w' with KeyError") as told:
        assert find(case(), "test").cause is cause
    assert "Traceback" in str(told[0].message)


def test_a_row_is_made_of_the_finding(registry):
    @rule(Kind.NONE, rank=1, cause=Cause("a-cause", "what it is", "the usual fix", by_design=True))
    def found(case):
        case.remarks.append("and more")
        return Finding([], "it is", (Proof.TEXT, Proof.HEARD), fix="a better fix", status_text="in other words")

    row = diagnose(case())
    assert (row.name, row.status, row.cause, row.by_design) == ("w", Kind.NONE, "a-cause", True)
    assert (row.evidence, row.fix, row.words, row.certainty) == (
        "it is; and more",
        "a better fix",
        "in other words",
        "likely",
    )


def test_a_contradiction_that_nobody_can_explain_leaves_the_row_ok(registry):
    assert diagnose(case(status=Kind.WRONG, norm=2.0)).status is Kind.OK
    assert diagnose(case(status=Kind.NONE)).status is Kind.NONE


def test_evidence_is_worked_out_once_and_anew_for_a_changed_case():
    seen = []

    def evidence(case):
        seen.append(case.name)
        return len(seen)

    one = case()
    assert (one.once(evidence), one.once(evidence)) == (1, 1)
    assert one.but(name="other").once(evidence) == 2
    assert seen == ["w", "other"]


def test_an_exception_is_shown_by_its_first_line():
    assert case(error=ValueError("one\ntwo")).error_message == "ValueError: one"
    assert case(error=ValueError()).error_message == "ValueError: "
    assert case().error_message == ""


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("No gradient defined for operation 'x' (op type: RandomPoissonV2)", "random-sampling"),
        ("gradient registry has no entry for: Unique", "no-gradient-op"),
        ("f() got an unexpected keyword argument 'variables'", "custom-gradient"),
        ("unsupported operand: IndexedSlices", "indexed-slices"),
        ("Tape is still recording", "tape-misuse"),
        ("something else", "api-misuse"),
    ],
)
def test_exceptions_by_their_words(text, cause):
    row = diagnose(case(status=Kind.RAISES, error=ValueError(text)))
    assert (row.cause, row.message) == (cause, f"ValueError: {text}")


def test_a_cause_by_design_comes_after_the_others():
    rows = [gradlab.doctor.Diagnosis(n, Kind.NONE, by_design=d) for n, d in (("a", True), ("b", False))]
    assert [r.name for r in gradlab.doctor.Report(rows).problems] == ["b", "a"]
