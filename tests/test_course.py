"""The map and the table of the course are those of the notebooks."""

from pathlib import Path

import pytest

from gradlab.authoring.course import course

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
COURSE = course(NOTEBOOKS)


def test_every_notebook_is_in_it_and_says_what_it_needs_gives_and_takes():
    assert [lesson.stem for lesson in COURSE.lessons] == [
        p.stem for p in sorted(NOTEBOOKS.glob("[0-9]*.py")) if not p.name.startswith("00")
    ]
    for lesson in COURSE.lessons:
        assert lesson.gives.startswith("you can ") and lesson.core >= 10
        assert f"]({lesson.stem}.ipynb)" in COURSE.markdown


def test_what_a_notebook_needs_is_on_its_left():
    from gradlab.authoring.course import _depths

    depth = _depths(COURSE.lessons)
    assert all(depth[before] < depth[lesson.stem] for lesson in COURSE.lessons for before in lesson.after)
    assert COURSE.map.svg.count('class="box"') == len(COURSE.lessons)
    assert "02 Integers, indices and NumPy" in COURSE.map.alt


def test_a_first_cell_without_its_line_is_told_by_name(tmp_path):
    (tmp_path / "01_mine.py").write_text("# %% [markdown]\n# # 1. Mine\n")
    with pytest.raises(ValueError, match=r"01_mine\.py"):
        course(tmp_path)


def test_a_page_that_stands_alone_says_that_the_others_are_elsewhere(tmp_path):
    """As in Colab, which opens one notebook and not its folder."""
    alone = course(tmp_path)
    assert alone.markdown == repr(alone) == alone.map.alt and "in the folder `notebooks`" in alone.markdown
    assert 'class="box"' not in alone.map.svg
