"""The questions on paper: nothing on the sheet tells, and the key has the right letters."""

import pytest

from gradlab.authoring.handout import handout, key
from gradlab.cli import main
from gradlab.lab.questions import all_questions, load_question

TWO = ["integer_cast", "two_targets"]


def test_the_sheet_has_code_and_letters_and_tells_nothing():
    page = handout(TWO)
    assert page.count("```python") == 2 and page.index("## 1. Cast to an integer") < page.index(
        "## 2. A list of losses"
    )
    for name in TWO:
        question = load_question(name)
        assert question.question in page and all(f"**{k}.** {a.text}" in page for k, a in question.lettered)
        assert not any(answer.why in page for answer in question.answers)


def test_paper_has_no_switch_so_the_sheet_says_what_it_is():
    page = handout(["raw_variable", "two_targets"])
    first, second = page.split("## 2. ")
    assert "With the switch on, `bug` is True" in first and "bug" not in second


def test_classes_that_the_code_uses_are_on_the_sheet():
    page = handout(["raw_variable"])
    assert "class Raw(Tracked):" in page and "tracked, raw = Tracked(), Raw()" in page
    assert "def setup" not in handout(["integer_cast"])


def test_the_key_has_each_right_letter_with_the_reasons():
    page = key(TWO)
    for number, name in enumerate(TWO, 1):
        question = load_question(name)
        assert f"## {number}. {question.title}: {question.right}\n" in page
        assert all(answer.why in page for answer in question.answers)
        right = next(answer.text for answer in question.answers if answer.right)
        assert f"{question.right}\n\n**{question.right}.** {right}\n" in page


def test_all_of_them_by_the_command(capsys):
    assert main(["questions"]) == 0
    page = capsys.readouterr().out
    assert page.count("\n## ") == len(all_questions())
    assert main(["questions", "--key", "two_targets"]) == 0
    assert "A list of losses: B" in capsys.readouterr().out


def test_a_name_that_is_none_is_told(capsys):
    assert main(["questions", "two_target"]) == 2
    assert "two_targets" in capsys.readouterr().err


@pytest.mark.parametrize("page", [handout, key])
def test_a_wrong_name_from_python(page):
    with pytest.raises(LookupError, match="integer_cast"):
        page(["integer_cats"])
