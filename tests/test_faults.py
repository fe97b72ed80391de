"""An exception in one line, and the line it came from."""

import pytest

import gradlab
from gradlab.faults import place, plain, sentence
from gradlab.measure import compare
from gradlab.panel.words import error_html


def test_a_plain_message_is_kept():
    assert sentence(ValueError("no such thing\nsecond line")) == "ValueError: no such thing"
    assert sentence(KeyError()) == "KeyError: "


def test_the_heading_and_the_terminal_codes_of_keras_3_are_left_out():
    error = IndexError(
        "Exception encountered when calling LSTM.call().\n\n\x1b[1mlist index out of range\x1b[0m\n\nArg"
    )
    assert sentence(error) == "IndexError: list index out of range"
    assert "\x1b" not in plain(str(error))


def test_an_error_that_was_never_raised_has_no_place():
    assert place(ValueError("made, not raised")) == ""


@pytest.mark.parametrize(
    ("name", "error"), [("one_state_for_two", "IndexError"), ("bidirectional_state", "InvalidArgumentError")]
)
def test_keras_3_builds_the_model_and_fails_when_it_is_called(name, error):
    on = compare(gradlab.load(name))[1]
    assert type(on.error).__name__ == error
    assert place(on.error) == "guess = model([x, y])"
    html = error_html("raised", on.error)
    assert "guess = model([x, y])" in html and error in html and "\x1b" not in html
