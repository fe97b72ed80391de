"""The page to print is made from the doctor's rules, is current, and its links lead somewhere."""

import html
import re
from pathlib import Path

import pytest
from browser import FLAGS, executable

from gradlab.authoring.decision_tree import SYMPTOMS, page, sheet, text
from gradlab.cli import main
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


def test_the_sheet_has_every_question_and_cause_with_what_to_do():
    text = html.unescape(re.sub(r"<[^>]+>", "", sheet()))
    for number, symptom in enumerate(SYMPTOMS, 1):
        assert f"{number}. {symptom.title}?" in text
    for rule in rules():
        if rule.cause is not None:
            assert rule.cause.what.replace("`", "") in text and rule.cause.fix.replace("`", "") in text, (
                rule.cause.label
            )
    assert "it explodes → clip by global norm" in text and "](" not in text


@pytest.mark.skipif(executable() is None, reason="no Chromium is installed")
def test_the_sheet_prints_as_one_page_of_a4_that_can_be_read(tmp_path):
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=executable(), args=FLAGS)
        try:
            opened = browser.new_page(viewport={"width": 733, "height": 1062})  # A4 less 8 mm on each side, in pixels
            opened.emulate_media(media="print")
            opened.set_content(sheet())
            smallest = opened.evaluate(
                "() => Math.min(...[...document.body.querySelectorAll('*')].map(e => parseFloat(getComputedStyle(e).fontSize)))"
            )
            wide, room = opened.evaluate("() => (m => [m.scrollWidth, m.clientWidth])(document.querySelector('main'))")
            printed = opened.pdf(prefer_css_page_size=True)
        finally:
            browser.close()
    assert len(re.findall(rb"/Type\s*/Page[^s]", printed)) == 1
    assert smallest >= 8 * 96 / 72 - 0.01, "8 points, in pixels"
    assert wide <= room, "a third column would be cut off: the causes have become too many for one page"
    size = re.search(rb"/MediaBox\s*\[0 0 ([\d.]+) ([\d.]+)\]", printed)
    assert [round(float(number) / 72 * 25.4) for number in size.groups()] == [210, 297], "millimetres"


def test_in_a_terminal_it_is_plain_text_with_every_cause_and_repair(capsys):
    assert main(["tree"]) == 0
    said = capsys.readouterr().out
    assert said == text() and max(map(len, said.splitlines())) <= 100
    assert not re.search(r"<br>|^\||\]\(|`", said, re.M)
    flat = " ".join(said.split())
    for line in re.findall(r"^\| .+ \|$", page(), re.M):
        what, *_, fix = (
            re.sub(r"\*(\S[^*]*)\*", r"\1", c.replace("`", "")).strip() for c in re.split(r"(?<!\\)\|", line)[1:-1]
        )
        if what not in ("what it is", "---"):
            assert what in flat and fix.partition(" see [")[0] in flat, line
