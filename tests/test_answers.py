"""Exercises whose answer is a value or a few lines of one's own: the cell says so to the solution, and not before.

The solutions are the notebooks' own, as a learner unfolds them. (Repairs of scenarios are in test_exercises.py.)
"""

import contextlib
import io
import re

import pytest
from kerases import HERE, only_there
from samples import sampled
from solutions import DONE, NOT_DONE, WHOLE, tags

# A notebook's exercise that is solved as it stands where the Keras lacks the bug of this scenario
ONLY_THERE: dict[str, str] = {}
# Not needed, or slow: training, plots of training, the race, panels, magics
LONG = re.compile(
    r"display\(bar\)|\brace\(|\blanes\b|\bcost\(|milliseconds\(call|curves|Panel\(|gradlab\.start\(|^%", re.MULTILINE
)
NEEDED = re.compile(r"^(import |from |class |def |off, on = |expected = |least = )", re.MULTILINE)
NOTEBOOKS = [n for n in WHOLE if not n.endswith(("start_here", "capstone"))]  # it has a test file of its own


def printed(source, space):
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(source, space)
    return said.getvalue()


@pytest.mark.parametrize("notebook", sampled(NOTEBOOKS, 3))  # as in test_exercises.py
def test_a_solution_is_right_and_the_exercise_is_open(notebook):
    space = {"keras": HERE, "device": "/CPU:0", "display": lambda *_: None}
    exec("import gradlab", space)
    tried, before = 0, ""
    for cell in WHOLE[notebook].cells:
        if cell.cell_type != "code":
            continue
        if "check_repair(" in cell.source or "check_break(" in cell.source:
            exec("\n".join(re.findall(r"^import .*$", cell.source, re.MULTILINE)), space)
        elif tags(cell) & {"exercise", "write"}:
            before = printed(cell.source, space)
        elif "solution" in tags(cell):
            said = printed(cell.source, space)
            assert DONE.search(said) and not NOT_DONE.search(said), cell.source
            open_still = NOT_DONE.search(before) or not DONE.search(before)
            assert open_still or only_there(ONLY_THERE.get(notebook, "")), "it is solved as it stands"
            tried += 1
        elif NEEDED.search(cell.source) and not LONG.search(cell.source):
            printed(cell.source, space)
    assert tried
