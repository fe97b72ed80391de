"""Every exercise has three hints and a solution, can be solved, and is not solved as it stands, unless only the other Keras
has its bug. The solutions are those of the notebooks: what a learner unfolds is what is run here."""

import ast
import re

import numpy as np
import pytest
import tensorflow as tf
from kerases import only_there
from solutions import WHOLE, tags

import gradlab

OPEN_ENDED = {"my_loss"}  # exercises on the learner's own code: there is no solution


def exercises(notebook):
    """[(the text before it, the exercise, its solution or None)] of a notebook."""
    found, cells = [], WHOLE[notebook].cells
    for place, cell in enumerate(cells):
        if tags(cell) & {"exercise", "write"}:
            after = cells[place + 1]
            found.append((cells[place - 1].source, cell.source, after.source if "solution" in tags(after) else None))
    return found


REPAIRS = {
    re.search(r'check_(?:repair|break)\("(\w+)"', start)[1]: (start, solution)
    for notebook in WHOLE
    for _, start, solution in exercises(notebook)
    if re.search(r"check_(?:repair|break)\(", start)
}


def outcome(source):
    """Run a cell; the value of its last expression, as a notebook shows it."""
    tree = ast.parse(source)
    space = {"gradlab": gradlab, "tf": tf, "np": np}
    exec(compile(ast.Module(tree.body[:-1], []), "<exercise>", "exec"), space)
    return eval(compile(ast.Expression(tree.body[-1].value), "<exercise>", "eval"), space)


@pytest.mark.parametrize("notebook", [n for n in WHOLE if not n.endswith(("start_here", "capstone"))])
def test_every_exercise_has_three_hints_and_a_solution(notebook):
    found = exercises(notebook)
    assert found
    for text, start, solution in found:
        if any(name in start for name in OPEN_ENDED):
            continue
        assert solution is not None and solution != start, start
        assert text.count("<summary>Hint") == 3, text


@pytest.mark.parametrize("notebook", [n for n in WHOLE if not n.endswith(("start_here", "capstone"))])
def test_every_notebook_has_lines_to_write(notebook):
    """An exercise with lines to write, and a solution with three lines or more that its start does not have."""
    written = [
        sum(line not in start.splitlines() for line in solution.splitlines())
        for _, start, solution in exercises(notebook)
        if solution
    ]
    assert max(written) >= 3
    assert any("write" in tags(cell) for cell in WHOLE[notebook].cells)


@pytest.mark.parametrize("notebook", [n for n in WHOLE if n[:2] >= "04"])
def test_no_line_is_marked_from_the_fourth_notebook_on(notebook):
    assert not re.search(r"# (mend|repair|change) this", "".join(start for _, start, _ in exercises(notebook)))


@pytest.mark.parametrize("name", sorted(REPAIRS))
def test_an_exercise_is_open_until_it_is_solved(name):
    start, solution = REPAIRS[name]
    begun, scenario = outcome(start), gradlab.load(name)
    assert begun.passed == only_there(name)
    if (
        not begun.passed and "check_repair" in start
    ):  # the code as it stands has this exercise's bug, and its hint comes first
        assert begun.lines[-1].removeprefix("Hint: ") in {scenario.hint, *scenario.hints.values()}
    solved = outcome(solution)
    assert solved.passed, repr(solved)
