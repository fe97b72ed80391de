"""The examples in docstrings run and give what they say."""

from __future__ import annotations

import doctest
import importlib

import pytest

WITH_EXAMPLES = [
    "gradlab.lab.reading",
    "gradlab.doctor.frontends.explain",
    "gradlab.doctor.report.report",
    "gradlab.doctor.frontends.assertion",
    "gradlab.watch.callback",
]


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples_in_docstrings(name):
    done = doctest.testmod(importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert done.attempted > 0 and done.failed == 0
