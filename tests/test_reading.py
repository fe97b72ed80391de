import json

import numpy as np
import pytest

from gradlab.lab.reading import MEASURED, Kind, Reading, Side, as_rows, classify, format_shape, kinds_as_data


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (None, Kind.NONE),
        (np.zeros((2, 3)), Kind.ZERO),
        (np.array(0.0), Kind.ZERO),
        (np.array([0.0, 1e-30]), Kind.OK),
        (np.array([1.0, np.nan]), Kind.NOT_FINITE),
        (np.array([0.0, np.inf]), Kind.NOT_FINITE),
        (np.array([[1.0]]), Kind.OK),
    ],
)
def test_an_array_is_of_one_kind(values, kind):
    assert classify(values) is kind


def test_no_two_kinds_share_a_mark_a_word_or_a_hatch():
    for looks in ([k.mark for k in Kind], [k.word for k in Kind], [k.hatch for k in Kind]):
        assert len(set(looks)) == len(Kind) == 8


def test_javascript_gets_the_same_marks_words_and_hatches():
    data = json.loads(json.dumps(kinds_as_data()))
    assert [(d["value"], d["mark"], d["word"], d["hatch"]) for d in data] == [
        (k, k.mark, k.word, k.hatch) for k in MEASURED
    ]


def test_an_empty_list_is_never_measured():
    assert set(Kind) - set(MEASURED) == {Kind.EMPTY}


@pytest.mark.parametrize(
    ("shape", "rows"), [((), (1, 1)), ((4,), (1, 4)), ((2, 3), (2, 3)), ((1, 5, 3), (5, 3)), ((2, 3, 4, 5), (24, 5))]
)
def test_any_shape_becomes_rows_and_keeps_its_last_axis(shape, rows):
    assert as_rows(np.ones(shape)).shape == rows


def test_the_largest_entry_ignores_what_is_not_finite():
    reading = Reading("w", Kind.NOT_FINITE, np.array([np.nan, -2.0, np.inf]), (3,))
    assert reading.largest == 2.0
    assert Reading("w", Kind.NONE, None, (3,)).largest is None


def test_words_name_the_source_its_shape_and_the_evidence():
    words = Reading("kernel", Kind.WRONG, np.array([[0.5]]), (1, 1), "slope 1, by finite difference 2").words()
    assert words == "kernel 1×1: ≠ a gradient, but the wrong one, largest 5.0e-01 (slope 1, by finite difference 2)"
    assert format_shape(()) == "scalar"


def test_an_unknown_reading_is_answered_with_those_there_are():
    side = Side((Reading("kernel", Kind.OK, np.ones(1), (1,)),))
    assert side["kernel"].kind is Kind.OK
    with pytest.raises(KeyError, match=r"no reading `bias`.*kernel"):
        side["bias"]
