"""The glossary: every term is linked where it is first used, and every link leads to a term."""

import re
from pathlib import Path

from gradlab.authoring.lesson import glossary, whole
from gradlab.lab.questions import all_questions, load_question

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "glossary.md"
TERMS = glossary(PAGE)
LINK = re.compile(r"\]\(\.\./docs/glossary\.md#([\w-]+)\)")


TEXTS = {
    script.stem: "\n\n".join(cell.source for cell in whole(script).cells if cell.cell_type == "markdown")
    for script in sorted((ROOT / "notebooks").glob("[0-9]*.py"))
}


def linked():
    """{stem: the anchors that its text links to, in order}."""
    return {stem: LINK.findall(text) for stem, text in TEXTS.items()}


def test_every_link_leads_to_a_term_and_every_term_is_used():
    anchors = {term.lower().replace(" ", "-") for term in TERMS}
    found = linked()
    assert {a for links in found.values() for a in links} == anchors
    assert all(len(links) == len(set(links)) for links in found.values()), "linked at the first use only"


def test_no_answer_of_a_question_has_a_link():
    """Of four answers, one with a link stands out."""
    for key in (question.key for question in all_questions()):
        for _, answer in load_question(key).lettered:
            assert "](" not in answer.text, key
    for stem, text in TEXTS.items():
        for line in re.findall(r"^- \*\*[A-E]\.\*\* .*$", text, re.MULTILINE):
            assert "](" not in line, (stem, line)
    assert sum(len(re.findall(r"^- \*\*[A-E]\.\*\* ", text, re.MULTILINE)) for text in TEXTS.values()) > 150


def test_links_change_neither_code_nor_headings(tmp_path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "glossary.md").write_text("### tape\nA record.\n\n### persistent tape\nOne that stays.\n")
    (tmp_path / "notebooks").mkdir()
    script = tmp_path / "notebooks" / "01_x.py"
    script.write_text(
        "# %% [markdown]\n# # 1. The tape\n#\n# `tape` and [tape](x), a persistent tape, then tapes, then a tape.\n"
    )
    (cell,) = whole(script).cells
    assert cell.source == (
        "# 1. The tape\n\n`tape` and [tape](x), a [persistent tape](../docs/glossary.md#persistent-tape), then "
        "[tapes](../docs/glossary.md#tape), then a tape."
    )


def test_the_page_is_sorted_and_each_term_is_explained():
    parts = re.findall(r"^### (.+)\n(.+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert [t.lower() for t, _ in parts] == sorted(t.lower() for t, _ in parts) and len(parts) == len(TERMS)
