import pytest

from gradlab.lab.reading import Kind, Reading, Side
from gradlab.lab.verdict import changed, in_words, judge

SIDE = Side((Reading("a", Kind.NONE, None, (1,)), Reading("b", Kind.OK, None, (1,))))


@pytest.mark.parametrize(
    ("predicted", "verdict"),
    [
        ({"a": Kind.NONE}, "confirmed"),
        ({"a": Kind.NONE, "b": Kind.OK}, "confirmed"),
        ({"a": Kind.ZERO}, "refuted"),
        ({"a": Kind.ZERO, "b": Kind.NONE}, "refuted"),
        ({"a": Kind.NONE, "b": Kind.NONE}, "half true"),
    ],
)
def test_a_claim_is_held_against_what_was_measured(predicted, verdict):
    assert judge(predicted, SIDE) == verdict


def test_a_claim_about_nothing_is_refused():
    with pytest.raises(ValueError, match="predicts nothing"):
        judge({}, SIDE)


def test_a_claim_about_an_unmeasured_source_is_refused():
    with pytest.raises(LookupError, match=r"`c`.*`a`, `b`"):
        judge({"c": Kind.OK}, SIDE)


def test_what_changed_and_its_words():
    assert changed(SIDE) == {"a": Kind.NONE}
    assert in_words({"a": Kind.NONE, "b": Kind.OK, "c": Kind.NONE}) == "none for a, c; ok for b"
