"""The check of an array: what is right passes, and each kind of mistake is told with its own hint."""

import numpy as np
import pytest

from gradlab.lab.difference import compared, same_numbers

WANTED = np.random.default_rng(0).normal(size=(4, 3))
SQUARE = WANTED[:3]
ONE_WRONG = WANTED + np.eye(4, 3)[[3, 1, 0, 2]] * [[0], [1], [0], [0]]


@pytest.mark.parametrize("answer", [WANTED, WANTED.tolist(), WANTED.astype("float32"), WANTED + 1e-8])
def test_a_right_array_is_right_however_it_is_given(answer):
    assert compared(answer, WANTED) == "right"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (None, "no answer"),
        ("a lot", "a str was returned"),
        ([[1.0], [1.0, 2.0]], "a list was returned"),
        (WANTED.T, "it is right, and transposed"),
        (WANTED.reshape(2, 6), "which axis"),
        (WANTED[0], "shapes of the factors"),
        (WANTED * np.nan, "NaN"),
        (0 * WANTED, "every entry is zero"),
        (-WANTED, "other sign"),
        (2 * WANTED, "multiplied by 0.5"),
        (1.0003 * WANTED, "to one side only"),
        (WANTED[::-1], "axis 0 is reversed"),
        (WANTED[:, ::-1], "axis 1 is reversed"),
        (ONE_WRONG, "1 of 12 entries differ, the first at [1, 1]"),
        (np.ones((4, 3)), "12 of 12 entries differ"),
    ],
    ids=range(15),
)
def test_a_mistake_is_told_with_its_hint(answer, words):
    said = compared(answer, WANTED)
    assert said.startswith("not yet: ") and words.lower() in said.lower() and "Hint: " in said, said


def test_a_square_array_can_be_transposed_too():
    assert "it is transposed" in compared(SQUARE.T, SQUARE)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({4, 7}, "right"),
        ([7, 4], "right"),
        (np.array([4, 7]), "right"),
        ({}, "there is no answer"),
        (set(), "there is no answer"),
        ({4}, "7 is missing"),
        (4, "7 is missing"),
        ({4, 5, 7}, "5 does not belong to it"),
        (None, "no collection"),
        ("4, 7", "no collection"),
        ([4, "seven"], "no collection"),
    ],
    ids=range(11),
)
def test_numbers_count_in_any_collection(answer, words):
    assert words in same_numbers(answer, {4, 7}, "count from 0")
