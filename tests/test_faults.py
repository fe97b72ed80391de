"""An exception in one line, and the line it came from."""

import pytest
from kerases import HERE

import gradlab
from gradlab.lab.measure import compare
from gradlab.panel.words import fault
from gradlab.runtime.exceptions import place, plain, sentence


def test_a_plain_message_is_kept():
    assert sentence(ValueError("no such thing\nsecond line")) == "ValueError: no such thing"
    assert sentence(KeyError()) == "KeyError: "
    assert sentence(ValueError("word " * 60)).endswith("word …"), "no word is cut in two"
    assert len(sentence(ValueError("word " * 60))) <= len("ValueError: ") + 202


def test_the_heading_and_the_terminal_codes_of_keras_3_are_left_out():
    error = IndexError(
        "Exception encountered when calling LSTM.call().\n\n\x1b[1mlist index out of range\x1b[0m\n\nArg"
    )
    assert sentence(error) == "IndexError: list index out of range"
    assert "\x1b" not in plain(str(error))


def test_an_error_that_was_never_raised_has_no_place():
    assert place(ValueError("made, not raised")) == ""


# Keras 3 builds the model and fails when it is called; legacy Keras refuses to build it.
BUILDS, CALLS = "decoded = decoder(written, initial_state=start)", "guess = model([x, y])"
REFUSED = {
    3: [("one_state_for_two", "IndexError", CALLS), ("bidirectional_state", "InvalidArgumentError", CALLS)],
    2: [("one_state_for_two", "ValueError", BUILDS), ("bidirectional_state", "ValueError", BUILDS)],
}


@pytest.mark.parametrize(("name", "error", "line"), REFUSED[HERE])
def test_the_line_at_which_keras_refuses_a_wrong_state_is_named(name, error, line):
    on = compare(gradlab.load(name))[1]
    assert type(on.error).__name__ == error
    assert place(on.error) == line
    told = fault("raised", on.error)
    assert told["line"] == line and error in told["sentence"] and "\x1b" not in told["trace"]
