"""The choice of Keras: refused in words where it can't be had."""

import sys

import pytest
from kerases import HERE, OTHER

from gradlab.runtime.tf_environment import choose_keras, require_keras


@pytest.fixture
def tf_keras(monkeypatch):
    """Pretend that this release of tf_keras is installed on this Python."""

    def pretend(release, python):
        monkeypatch.setattr("gradlab.runtime.tf_environment.importlib.util.find_spec", lambda name: name)
        monkeypatch.setattr("gradlab.runtime.tf_environment.importlib.metadata.version", lambda name: release)
        monkeypatch.setattr(sys, "version_info", python)

    return pretend


@pytest.mark.parametrize(
    ("release", "python"), [("2.16.0", (3, 11, 9)), ("2.19.0", (3, 12, 0)), ("2.21.0", (3, 13, 0)), ("3.0", (3, 13, 0))]
)
def test_legacy_keras_is_taken_where_it_works(tf_keras, release, python):
    tf_keras(release, python)
    require_keras(2)


@pytest.mark.parametrize("release", ["2.16.0", "2.18.0"])
def test_legacy_keras_that_fails_on_a_new_python_is_refused(tf_keras, release):
    tf_keras(release, (3, 12, 0))
    with pytest.raises(RuntimeError, match=rf"tf_keras {release} can't draw random numbers on Python 3.12.*2\.19"):
        require_keras(2)
    require_keras(3)


def test_another_number_and_a_missing_package_are_refused(monkeypatch):
    with pytest.raises(ValueError, match=r"must be 3 .* or 2"):
        require_keras(4)
    monkeypatch.setattr("gradlab.runtime.tf_environment.importlib.util.find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match="keras2"):
        require_keras(2)


def test_the_choice_comes_too_late_once_tensorflow_is_loaded(monkeypatch):
    monkeypatch.setattr("gradlab.runtime.tf_environment.require_keras", lambda version: None)
    with pytest.raises(RuntimeError, match=f"already loaded with Keras {HERE}, so `keras={OTHER}` comes too late"):
        choose_keras(OTHER)
    monkeypatch.setenv("TF_USE_LEGACY_KERAS", "1" if HERE == 2 else "0")
    choose_keras(HERE)
