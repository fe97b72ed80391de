"""How sure: the criterion, and how often each word is right on the cases."""

from __future__ import annotations

from collections import defaultdict

import pytest
from casefiles import FILES, examine

from gradlab import Kind
from gradlab.doctor.certainty import Certainty, Proof, of

# Of the rows of the cases that say it, the part that must have the right cause and line. `certain` is never wrong on a
# case that is known; `possible` claims nothing but that it is worth a look.
EVERY = 6  # the cases take minutes, and test_cases.py runs them; all of them weekly
RIGHT = {Certainty.CERTAIN: 1.0, Certainty.LIKELY: 0.95, Certainty.POSSIBLE: 0.5}


@pytest.mark.parametrize(
    ("proofs", "word"),
    [
        ((), "possible"),
        ((Proof.TEXT,), "possible"),
        ((Proof.TEXT, Proof.TEXT), "possible"),  # one proof named twice is one
        ((Proof.TEXT, Proof.HEARD), "likely"),
        ((Proof.FLOW,), "likely"),
        ((Proof.GRADIENT,), "certain"),
        ((Proof.TEXT, Proof.ERROR), "certain"),
    ],
)
def test_the_word_follows_from_the_proofs(proofs, word):
    assert of(proofs) == word


@pytest.mark.parametrize("every", [EVERY, pytest.param(1, marks=pytest.mark.weekly)])
def test_each_word_is_right_as_often_as_it_says(every):
    right: dict[Certainty, list[bool]] = defaultdict(list)
    for path in FILES[::every]:
        wrong, rows = examine(path)
        for n, row in enumerate(rows):
            if row.status is not Kind.OK:
                right[row.certainty].append(row.name not in wrong and f"{n}: {row.name}" not in wrong)
    assert sum(map(len, right.values())) > 100 / every
    for word, least in RIGHT.items():
        share = sum(right[word]) / max(len(right[word]), 1)
        assert share >= least or not right[word], f"{word}: {share:.0%} of {len(right[word])} are right"
    assert len(right[Certainty.CERTAIN]) > len(right[Certainty.LIKELY])  # the run itself shows most of them
