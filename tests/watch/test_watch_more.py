"""Event files, loops of one's own and alarms; under the other Keras: `tests/test_training_there.py`."""

import more_cases
import pytest


@pytest.mark.parametrize("case", more_cases.CASES, ids=lambda c: c.__name__)
def test_this_keras(case):
    case()
