"""Every question: its code is run, the right answer holds and the wrong ones do not."""

import numpy as np
import pytest
import tensorflow as tf
from question_checks import holds

import gradlab
from gradlab.lab.questions import FOLDER, _parsed, all_questions, load_question

QUESTIONS = all_questions()


def same_direction(before, after):
    a, b = (np.concatenate([np.ravel(g) for g in gradients]) for gradients in (before, after))
    return bool(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)) > 0.9999)


def measured(question):
    """The names that an expression may use, after the question's code has run."""
    space = {"np": np, "tf": tf, "same_direction": same_direction, "raised": None}
    try:
        exec(question.code, space)
    except Exception as error:
        space["raised"] = error
    return space


# The answers about a scenario are held against its run in test_scenarios.py, where it is run anyway.
@pytest.mark.parametrize("question", [q for q in QUESTIONS if not q.scenario], ids=lambda q: q.key)
def test_the_right_answer_holds_in_a_run_and_no_other_does(question):
    space = measured(question)
    assert [holds(answer, space) for answer in question.answers] == [answer.right for answer in question.answers]


def test_there_is_a_question_for_every_scenario():
    assert {q.scenario for q in QUESTIONS if q.scenario} == set(gradlab.names())
    assert all(q.key == q.scenario for q in QUESTIONS if q.scenario), "the panel finds it by the scenario's name"


def test_what_a_learner_reads_is_whole():
    for question in QUESTIONS:
        texts = [question.question, *(t for a in question.answers for t in (a.text, a.why))]
        assert all(text.strip().endswith((".", "?")) for text in texts), question.key
        assert len({a.text for a in question.answers}) == len(question.answers)
        assert question.code and ("# <-- the switch" in question.code) == bool(question.scenario)
    places = [question.right for question in QUESTIONS]
    assert max(places.count(letter) for letter in "ABC") <= 0.6 * len(places), "the right letter can be guessed"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[]", "expected a mapping"),
        ("{title: a, question: b, code: c, answers: []}", "0 answers"),
        ("{title: a, question: b, answers: []}", "either `scenario` or `code`"),
        ("{title: a, qestion: b, code: c}", "unknown field 'qestion'"),
        ("{title: 3, question: b, code: c}", "`title` is 3"),
        ("{title: a, question: b, code: c, answers: [{text: x, why: y}, {text: z, why: y}]}", "no test could tell"),
        (
            "{title: a, question: b, code: c, answers: [{text: x, why: y, means: ok}, {text: z, why: y, means: ok}]}",
            "exactly one",
        ),
    ],
)
def test_a_file_that_is_no_question_is_told_by_name(text, words):
    with pytest.raises(ValueError, match=r"questions/mine\.yaml") as told:
        _parsed("mine", text)
    assert words in str(told.value)


def test_an_unknown_question_names_the_nearest():
    with pytest.raises(LookupError, match="integer_cast"):
        load_question("integer_cats")
    assert len(list(FOLDER.glob("*.yaml"))) == len(QUESTIONS)
