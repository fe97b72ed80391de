"""Event files, loops of one's own and alarms, under both Kerases."""

from pathlib import Path

import more_cases
import pytest
from kerases import GROUP, under_the_other_keras


@pytest.mark.parametrize("case", more_cases.CASES, ids=lambda c: c.__name__)
def test_this_keras(case):
    case()


@pytest.mark.xdist_group(GROUP)
def test_the_other_keras():
    here = str(Path(__file__).parent)
    script = f"import sys, json\nsys.path.insert(0, {here!r})\nimport more_cases\nprint(json.dumps(more_cases.check_all()))"
    assert under_the_other_keras(script) == [case.__name__ for case in more_cases.CASES]
