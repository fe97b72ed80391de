from dataclasses import replace

import pytest
import tensorflow as tf

import gradlab
from gradlab.lab.flaws import HINTS
from gradlab.lab.scenario import Repair

CAST = gradlab.load("integer_cast")


def test_a_prediction_is_held_against_a_run():
    right = gradlab.check_prediction("integer_cast", dict.fromkeys(("kernel", "recurrent_kernel", "bias"), "none"))
    assert right.passed and "3 of 3" in repr(right)
    wrong = gradlab.check_prediction("integer_cast", {"kernel": "zero", "bias": "none"})
    assert not wrong.passed
    assert "✗  kernel: you said zero, measured none" in repr(wrong)
    assert "recurrent_kernel: no prediction yet" in repr(wrong)


def test_a_prediction_that_makes_no_sense_is_answered_and_does_not_stop_the_run():
    answer = repr(gradlab.check_prediction("integer_cast", {"kernl": "none", "bias": "nothing"}))
    assert "kernl: there is no such source; there are kernel" in answer
    assert "'nothing' is not one of ok, wrong" in answer


def test_a_repair_passes_and_the_broken_code_does_not():
    assert gradlab.check_repair("integer_cast", lambda **things: CAST.run(False, **things)).passed
    broken = gradlab.check_repair("integer_cast", lambda **things: CAST.run(True, **things))
    assert not broken.passed and "Hint" in repr(broken) and "3 of 3 gradients to go" in repr(broken)


def test_an_empty_answer_is_not_told_what_was_measured():
    empty = gradlab.check_prediction("integer_cast", dict.fromkeys(("kernel", "recurrent_kernel", "bias"), "?"))
    assert not empty.passed
    assert "measured" not in repr(empty) and "question mark" in repr(empty)


@pytest.mark.parametrize("prediction", [None, [], "none", {"kernel": ["none"]}, {"kernel": None}, {3: "none"}])
def test_an_answer_of_another_form_is_answered_too(prediction):
    assert not gradlab.check_prediction("integer_cast", prediction).passed
    assert not gradlab.check_prediction("no_such", {"kernel": "none"}).passed


def test_a_repair_that_computes_something_else_passes_only_where_that_is_allowed():
    def doubled(**things):
        loss, sources, _ = CAST.run(False, **things)
        with tf.GradientTape() as tape:
            h = tf.zeros((1, things["cell"].units))
            for t in range(things["x"].shape[1]):
                h, _ = things["cell"](things["x"][:, t], [h])
            loss = tf.reduce_sum(h**2)
        return loss, sources, tape.gradient(loss, sources)

    assert not gradlab.check_repair("integer_cast", doubled).passed
    free = replace(CAST, repair=Repair(loss="free"))
    assert gradlab.check_repair(free, doubled).passed
    assert "another one" in repr(gradlab.check_repair(replace(CAST, repair=Repair()), doubled))


def test_a_repair_with_made_up_gradients_does_not_pass():
    def invented(**things):
        loss, sources, gradients = CAST.run(False, **things)
        return loss, sources, {name: tf.ones_like(g) for name, g in gradients.items()}

    assert "wrong" in repr(gradlab.check_repair("integer_cast", invented))


def test_an_exception_in_the_learners_code_is_reported():
    def fails(**things):
        raise ZeroDivisionError("oops")

    answer = gradlab.check_repair("integer_cast", fails)
    assert not answer.passed and "ZeroDivisionError: oops" in repr(answer)


def test_an_unfinished_repair_that_returns_nothing_is_told_what_to_return():
    assert "loss, sources, gradients" in repr(gradlab.check_repair("integer_cast", lambda **things: None))


def test_the_hints_of_a_scenario_are_for_kinds_of_findings():
    assert {kind for name in gradlab.names() for kind in gradlab.load(name).hints} <= set(HINTS)
    assert (
        "return_state" not in HINTS["another loss"]
        and "states" in gradlab.load("cell_state_attribute").hints["another loss"]
    )
