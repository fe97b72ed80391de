"""Training steps, `Watch`, `through_time` and Keras' warning under the other Keras: one process for all, as TensorFlow starts slowly."""

import json
from pathlib import Path

import pytest
from kerases import GROUP, under_the_other_keras

HERE = Path(__file__).parent
SCRIPT = """
import contextlib, io, json, sys
sys.path[:0] = FOLDERS
import more_cases, step_cases, tt_cases
from gradlab.cli import main
out = io.StringIO()
with contextlib.redirect_stdout(out):
    status = main(["explain", WARNS])
whole = WHOLE
done = {
    "step": step_cases.check_all(step_cases.CASES if whole else step_cases.SAMPLE),
    "watch": more_cases.check_all(more_cases.CASES if whole else more_cases.SAMPLE),
    "time": tt_cases.check_all(tt_cases.CASES if whole else tt_cases.SAMPLE),
}
print(json.dumps([status, out.getvalue(), {k: len(v) for k, v in done.items()}]))
"""
FOLDERS = [str(HERE / name) for name in ("doctor", "watch", "through_time")]


def there(whole):
    named = f"FOLDERS, WARNS, WHOLE = {FOLDERS!r}, {str(HERE / 'doctor' / 'fit_that_warns.py')!r}, {whole}"
    return under_the_other_keras(named + SCRIPT)


def check(status, text, done, wanted):
    told = text.partition('Keras warned "Gradients do not exist for variables"; what left out each of the 4:')[2]
    assert status == 1 and json.dumps(done) == json.dumps(wanted)
    assert told.count("hidden = tf.stop_gradient(self.first(x))  (tf.stop_gradient ends the path [stop-gradient])") == 2
    assert told.count("aside = self.unused(x)  (the loss does not depend on it [unconnected])") == 2


@pytest.mark.xdist_group(GROUP)
def test_a_sample_of_them():
    check(*there(False), {"step": 8, "watch": 2, "time": 3})


@pytest.mark.weekly
@pytest.mark.xdist_group(GROUP)
def test_all_of_them():
    check(*there(True), {"step": 16, "watch": 6, "time": 8})
