"""The course as its notebooks say it is: what each needs, what it gives, how long it takes, and a map of what follows what.

Everything is read from the first cell of each script: its title, `**Needs**` with links to other notebooks, and `**Gives**`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap
from typing import Any

from gradlab.authoring.lesson import core_and_extra, minutes, whole
from gradlab.drawings import Drawing, Sheet

# Pixels: a box of the map, and from box to box. Five columns fit beside the file browser on a screen of 1366 pixels.
WIDE, HIGH, ACROSS, DOWN = 152, 54, 182, 66
ALONE = "No other notebook lies beside this page. All of them are in the folder `notebooks` of the repository."
LETTERS_A_LINE = 23  # that a box has room for at 12 pixels


@dataclass(frozen=True)
class Lesson:
    """One notebook: its file's stem, title, what it needs and gives in words, the stems that it links to, and minutes."""

    stem: str
    title: str
    needs: str
    gives: str
    after: tuple[str, ...]
    core: int
    extra: int

    @property
    def number(self) -> str:
        return self.stem[:2]


@dataclass(frozen=True)
class Course:
    """All lessons in order. In a notebook it shows the map and the table; as text it is one line a lesson."""

    lessons: tuple[Lesson, ...]

    @property
    def markdown(self) -> str:
        """The table as Markdown; where no lesson was found, a sentence that says so."""
        if not self.lessons:
            return ALONE
        lines = ["| notebook | you can afterwards | needs | minutes |", "| --- | --- | --- | --- |"]
        for lesson in self.lessons:
            more = f" + {lesson.extra}" if lesson.extra else ""
            can = lesson.gives.removeprefix("you can ")
            name = f"[{lesson.number} {lesson.title}]({lesson.stem}.ipynb)"
            lines.append(f"| {name} | {can} | {lesson.needs} | {lesson.core}{more} |")
        return "\n".join(lines)

    @property
    def map(self) -> Drawing:
        """The lessons as boxes, each to the right of those that it needs; where no lesson was found, a sentence."""
        if not self.lessons:
            sheet = Sheet(20 + 3 * ACROSS, HIGH)
            sheet.text(10 + 1.5 * ACROSS, 27, ALONE, size=12)
            return sheet.drawing(ALONE)
        depth = _depths(self.lessons)
        rows: dict[int, int] = {}
        place: dict[str, tuple[int, int]] = {}
        for lesson in self.lessons:
            column = depth[lesson.stem]
            row = max(rows.get(column, 0), min((place[s][1] for s in lesson.after), default=0))
            rows[column] = row + 1
            place[lesson.stem] = column, row
        sheet = Sheet(20 + WIDE + ACROSS * max(c for c, _ in place.values()), 20 + DOWN * max(rows.values()))
        corner = {stem: (10 + ACROSS * c, 10 + DOWN * r) for stem, (c, r) in place.items()}
        earlier = _ancestors(self.lessons)
        for lesson in self.lessons:
            for before in lesson.after:
                if any(before in earlier[other] for other in lesson.after):
                    continue  # the arrows through the other lesson say it
                (x0, y0), (x1, y1) = corner[before], corner[lesson.stem]
                start, end = (x0 + WIDE, y0 + HIGH / 2), (x1 - 1, y1 + HIGH / 2)
                sheet.line(start, (end[0] - 12, end[1]), end, arrow=True)
        for lesson in self.lessons:
            x, y = corner[lesson.stem]
            sheet.box(x, y, WIDE, HIGH)
            lines = wrap(f"{lesson.number} {lesson.title}", LETTERS_A_LINE, max_lines=3, placeholder=" …")
            for i, line in enumerate(lines):
                sheet.text(x + WIDE / 2, y + HIGH / 2 + 4 + 15 * (i - (len(lines) - 1) / 2), line, size=12)
        words = "; ".join(
            f"{lesson.number} {lesson.title}"
            + (f", after {' and '.join(s[:2] for s in lesson.after)}" if lesson.after else "")
            for lesson in self.lessons
        )
        return sheet.drawing(f"Map of the course. {words}.")

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return {"text/markdown": self.markdown, "text/plain": repr(self)}

    def __repr__(self) -> str:
        return "\n".join(f"{lesson.number} {lesson.title}: {lesson.core} minutes" for lesson in self.lessons) or ALONE


def course(folder: str | Path = ".") -> Course:
    """The lessons in `folder`, read from their scripts; the first page is left out. Needs the extra `lab`.

    A page that stands alone, as in Colab, gets a course without lessons, which says so. Raises ValueError for a first cell
    without `**Needs**` and `**Gives**`.

    >>> import gradlab
    >>> gradlab.course("a folder without lessons")
    No other notebook lies beside this page. All of them are in the folder `notebooks` of the repository.
    """
    scripts = [s for s in sorted(Path(folder).glob("[0-9][0-9]_*.py")) if not s.name.startswith("00")]
    return Course(tuple(_lesson(script) for script in scripts))


def _lesson(script: Path) -> Lesson:
    notebook = whole(script)
    top = " ".join(notebook.cells[0].source.split())
    title = re.match(r"# \d+\. (.*)", notebook.cells[0].source)
    said = re.search(r"\*\*Needs\*\*: (.*?)\. \*\*Gives\*\*: (.*?)\. \*\*Minutes\*\*", top)
    if not title or not said:
        raise ValueError(
            f"{script.name}: the first cell must have a title `# N. ...`, then `**Needs**: ... **Gives**: ... <!-- minutes -->`"
        )
    core, extra = core_and_extra(notebook)
    after = tuple(dict.fromkeys(re.findall(r"\]\((\d\d_\w+)\.ipynb\)", said[1])))
    about = [5 * round(minutes(cells) / 5) for cells in (core, extra)]
    return Lesson(script.stem, title[1], said[1], said[2], after, about[0], about[1])


def _depths(lessons: tuple[Lesson, ...]) -> dict[str, int]:
    known = {lesson.stem: lesson for lesson in lessons}
    found: dict[str, int] = {}

    def depth(stem: str) -> int:
        if stem not in found:
            found[stem] = 1 + max((depth(s) for s in known[stem].after), default=-1)
        return found[stem]

    return {stem: depth(stem) for stem in known}


def _ancestors(lessons: tuple[Lesson, ...]) -> dict[str, set[str]]:
    """{stem: the stems of all lessons that it needs, directly or by way of others}."""
    known = {lesson.stem: lesson for lesson in lessons}
    found: dict[str, set[str]] = {}

    def of(stem: str) -> set[str]:
        if stem not in found:
            found[stem] = set(known[stem].after).union(*(of(s) for s in known[stem].after))
        return found[stem]

    for stem in known:
        of(stem)
    return found
