"""The page to print is made from the doctor's rules, is current, and its links lead somewhere."""

import re
from pathlib import Path

from gradlab.authoring.decision_tree import SYMPTOMS, page
from gradlab.doctor.rules import rules

DOCS = Path(__file__).parents[1] / "docs"


def test_the_page_is_current():
    committed = (DOCS / "decision_tree.md").read_text(encoding="utf-8")
    assert committed == page(), "run `gradlab tree --into docs/decision_tree.md`"


def test_every_cause_that_a_rule_can_find_is_on_it():
    asked = {str(ask) for symptom in SYMPTOMS for ask in symptom.asks}
    assert {str(rule.question) for rule in rules()} - asked == {"ok"}, "a question of the doctor's has no symptom"
    for rule in rules():
        if rule.cause is not None:
            assert rule.cause.what.replace("|", "\\|") in page(), rule.cause.label


def test_its_links_and_commands_are_there():
    for target in re.findall(r"\]\((\.\./[^)#]+)\)", page()):
        assert (DOCS / target).exists(), target
