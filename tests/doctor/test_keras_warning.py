"""`gradlab explain` on a plain fit: for each variable of Keras' warning, the line that left it out. Both Kerases."""

import json
import logging
import warnings
from pathlib import Path

import pytest
from kerases import HERE

from gradlab.doctor.frontends import keras_warning

SCRIPT = Path(__file__).with_name("fit_that_warns.py")


def check(status, text):
    assert status == 1
    told = text.partition('Keras warned "Gradients do not exist for variables"; what left out each of the 4:')[2]
    lines = {line.split()[0].rpartition("mine/")[2]: line for line in told.splitlines() if line.strip()}
    assert set(lines) == {"first/kernel", "first/bias", "unused/kernel", "unused/bias"}
    for name in ("first/kernel", "first/bias"):
        assert (
            "fit_that_warns.py:17: hidden = tf.stop_gradient(self.first(x))  (tf.stop_gradient ends the path [stop-gradient])"
            in lines[name]
        )
    for name in ("unused/kernel", "unused/bias"):
        assert (
            "fit_that_warns.py:18: aside = self.unused(x)  (the loss does not depend on it [unconnected])"
            in lines[name]
        )
    assert 'note: Keras warned "Gradients do not exist" of' in text


def test_each_variable_of_the_warning_has_its_line(capsys):
    from gradlab.cli import main

    with pytest.warns(UserWarning, match="Gradients do not exist") if HERE == 3 else warnings.catch_warnings():
        status = main(["explain", str(SCRIPT)])
    check(status, capsys.readouterr().out)


def test_both_ways_of_warning_are_heard_and_nothing_stays():
    shown, handlers = warnings.showwarning, list(logging.getLogger("tensorflow").handlers)
    with keras_warning.heard() as heard, warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn(
            "Gradients do not exist for variables ['a/kernel', 'a/bias'] when minimizing the loss.", stacklevel=1
        )
        logging.getLogger("tensorflow").warning("Gradients do not exist for variables ['b/kernel:0', 'a/bias:0'] when")
        warnings.warn("another one", stacklevel=1)
    assert heard.names == ["a/kernel", "a/bias", "b/kernel"]
    assert warnings.showwarning is shown and logging.getLogger("tensorflow").handlers == handlers
    assert keras_warning.answer([], []) == []
    assert "no tape that was recorded was asked for it" in keras_warning.answer(["a"], [])[1]
    assert json.dumps(heard.names)
