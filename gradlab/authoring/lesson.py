"""What one percent script says, as the two notebooks that are made of it: the whole one, and the learner's.

- `whole`: everything, solutions included; it is what is run, and what is committed in `notebooks/solutions`.
- `for_learners`: the same notebook, once it has run, with solutions and explanations folded and nothing told before it was tried.
- `minutes`: how long it takes.

An author writes ordinary cells and these marks. In text: `<!-- question: KEY -->` (code, question and answers of
`gradlab/questions/KEY.yaml`), `<!-- answers: KEY -->` (the same answers, each with its reason, folded), `<!-- minutes -->`
in the first cell (a place to stop halfway comes with it), and paragraphs that begin with `Hint:` (folded, each inside the one before). A heading that ends in `(extra)` is
a section that may be left out. Tags of code cells: `exercise` (a start that the learner changes), `write` (the same with about ten
lines to write), `solution` (an answer to the exercise before it), `after` (it tells what the switch did).
"""

from __future__ import annotations

import re
from copy import deepcopy
from pathlib import Path
from typing import Any

from gradlab.lab.markdown import as_markdown
from gradlab.lab.questions import load_question

# Minutes. A panel and a short exercise as they were timed in a review of the first notebooks; the rates of reading are those of
# somebody who reads a second language and follows the code, and give the review's times for those notebooks to a few minutes.
A_PANEL, AN_EXERCISE, A_LONG_ONE = 1.7, 3.5, 8.0
A_VOTE = 1.0  # a claim, the switched lines of its code and a click: as fifteen words and ten lines take to read; not timed yet
A_BUG = 6.0  # of the script in the last exercise: the review timed 30 minutes for its five
LONG_ENOUGH = 20  # minutes: a shorter notebook needs no place to stop
WORDS, LINES = 150, 10  # of prose and of code, read in a minute

_MARK = re.compile(r"<!-- (question|answers): (\w+) -->")
# Code, links, headings, tags, tables, claims in quotation and what is folded: no word in them is made a link
# A link inside an answer would be a hint at it, so the list of answers is kept as well
_NOT_PROSE = re.compile(
    r"(```.*?```|^- \*\*[A-E]\.\*\* [^\n]*$|<details>.*</details>|`[^`\n]*(?:\n[^`\n]+)*`|\[[^\]]*\]\([^)]*\)|^#[^\n]*$|^\|[^\n]*$|^\*\*Claim[^\n]*$|<[^>\n]*>)",
    re.DOTALL | re.MULTILINE,
)
# From "Explain." to the exercise, the next section or the end of the cell
_EXPLANATION = re.compile(r"^\*\*Explain\.\*\* (.*?)\s*(?=^\*\*Exercise|^## |^<!-- |\Z)", re.DOTALL | re.MULTILINE)
_HINTS = re.compile(r"(?:^Hint: .+(?:\n(?!Hint: )\S.*)*\n*)+", re.MULTILINE)


def whole(script: Path) -> Any:
    """The notebook of a script with every mark written out and no cell run yet."""
    import jupytext
    import nbformat

    notebook = jupytext.read(script, fmt="py:percent")
    notebook.metadata = nbformat.NotebookNode(
        kernelspec={"name": "python3", "display_name": "Python 3", "language": "python"},
        language_info={"name": "python", "file_extension": ".py", "mimetype": "text/x-python"},
        colab={"toc_visible": True},
    )
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number:02d}"
        cell.metadata.pop("lines_to_next_cell", None)  # of the script's layout
        if cell.cell_type == "markdown":
            cell.source = _MARK.sub(lambda m: _WRITTEN[m[1]](m[2]), cell.source)
            cell.source = _HINTS.sub(lambda m: _folded_hints(m[0]), cell.source)
    _tell_the_time(notebook)
    _link_terms(notebook, glossary(script.resolve().parents[1] / "docs" / "glossary.md"))
    return notebook


def for_learners(notebook: Any) -> Any:
    """The learner's copy of a notebook, run or not: solutions become folded text, and outputs that tell are taken out."""
    import nbformat

    made = deepcopy(notebook)
    for place, cell in enumerate(made.cells):
        tags = cell.metadata.get("tags", [])
        if "solution" in tags:
            told = f"<details><summary>A solution</summary>\n\n```python\n{cell.source}\n```\n\n</details>"
            made.cells[place] = nbformat.v4.new_markdown_cell(told, id=cell.id)
        elif "after" in tags:
            cell.outputs = []
            cell.metadata["jupyter"] = {"outputs_hidden": True}
        elif cell.cell_type == "markdown":
            cell.source = _EXPLANATION.sub(_folded_explanation, cell.source)
    ran = [c for c in made.cells if c.cell_type == "code"]
    if any(c.execution_count for c in ran):
        for number, cell in enumerate(ran, 1):
            cell.execution_count = number
            for output in cell.outputs:
                if "execution_count" in output:
                    output["execution_count"] = number
    return made


def one_folder_down(notebook: Any) -> Any:
    """The whole notebook as it stands in `solutions/`: its links lead there too, and its title says what it is."""
    made = deepcopy(notebook)
    for cell in made.cells:
        if cell.cell_type == "markdown":
            cell.source = cell.source.replace("](../", "](../../").replace("](00_", "](../00_")
    title, _, rest = made.cells[0].source.partition("\n")
    made.cells[0].source = f"{title}\n\n*With the solutions. Try the notebook without them first.*\n{rest}"
    return made


def has_more(notebook: Any) -> bool:
    """Whether the whole notebook holds anything that the learner's does not."""
    return any({"solution", "after"} & set(c.metadata.get("tags", [])) for c in notebook.cells)


def minutes(cells: list[Any]) -> float:
    """How long the cells take a learner: reading text and code, panels, exercises. What is folded is not counted."""
    total = 0.0
    for cell in cells:
        tags = cell.metadata.get("tags", [])
        if "solution" in tags:
            continue
        text = re.sub(r"<details>.*</details>", "", cell.source, flags=re.DOTALL)
        code = "\n".join(re.findall(r"```python\n(.*?)```", text, re.DOTALL)) if cell.cell_type == "markdown" else text
        prose = re.sub(r"```python.*?```", "", text, flags=re.DOTALL) if cell.cell_type == "markdown" else ""
        total += len(prose.split()) / WORDS + sum(bool(line.strip()) for line in code.splitlines()) / LINES
        total += A_PANEL * len(re.findall(r"Panel\(", code)) + AN_EXERCISE * ("exercise" in tags)
        total += A_VOTE * sum(names.count('"') // 2 for names in re.findall(r"\bVotes\(([^)]*)\)", code))
        total += A_LONG_ONE * ("write" in tags) + A_BUG * sum(
            int(tag.split()[0]) for tag in tags if tag.endswith(" bugs")
        )
    return total


def core_and_extra(notebook: Any) -> tuple[list[Any], list[Any]]:
    """The cells of a notebook that belong to its core, and those of its extra sections."""
    core: list[Any] = []
    extra: list[Any] = []
    into = core
    for cell in notebook.cells:
        headings = re.findall(r"^## (.*)", cell.source, re.MULTILINE) if cell.cell_type == "markdown" else []
        if headings:
            into = extra if headings[-1].endswith("(extra)") else core
        into.append(cell)
    return core, extra


def _tell_the_time(notebook: Any) -> None:
    """Write the minutes into the first cell, and a place to stop in front of the core's section that is nearest to its half."""
    core, extra = core_and_extra(notebook)
    more = f", and {_about(extra)} for the sections marked *extra*" if extra else ""
    told = f"**Minutes**: about {_about(core)}{more}."
    core[0].source = core[0].source.replace("<!-- minutes -->", told)
    sections = [
        place for place, cell in enumerate(core) if cell.cell_type == "markdown" and cell.source.startswith("## ")
    ]
    if told not in core[0].source or _about(core) < LONG_ENOUGH or len(sections) < 3:
        return
    half = minutes(core) / 2
    place = min(sections[1:-1], key=lambda place: abs(minutes(core[:place]) - half))  # the last one is the summary
    done, left = _about(core[:place]), _about(core[place:])
    without = "Without the extra sections a" if extra else "A"
    core[
        place
    ].source = (
        f"> A good place to stop. {without}bout {done} minutes are done, {left} are left.\n\n{core[place].source}"
    )


def _about(cells: list[Any]) -> int:
    return max(5, 5 * round(minutes(cells) / 5))


def glossary(page: Path) -> list[str]:
    """The terms that the glossary explains, longest first; none where there is no such page."""
    text = page.read_text(encoding="utf-8") if page.is_file() else ""
    return sorted(re.findall(r"^### (.+)$", text, re.MULTILINE), key=len, reverse=True)


def _link_terms(notebook: Any, terms: list[str]) -> None:
    """Make the first use of each term in the notebook's prose a link to the glossary."""
    # "None" is told from the English word by its capital and by what follows ("none of them")
    forms = {t: (r"\bNone\b(?! of)", 0) if t == "None" else (rf"\b{re.escape(t)}s?\b", re.IGNORECASE) for t in terms}
    left = {term: re.compile(*form) for term, form in forms.items()}
    for cell in notebook.cells:
        if cell.cell_type != "markdown":
            continue
        pieces = _NOT_PROSE.split(cell.source)  # prose and what is kept as it is, in turn
        for term, pattern in list(left.items()):
            for place in range(0, len(pieces), 2):
                found = pattern.search(pieces[place])
                if found:
                    link = f"[{found[0]}](../docs/glossary.md#{term.lower().replace(' ', '-')})"
                    before, after = pieces[place][: found.start()], pieces[place][found.end() :]
                    pieces[place : place + 1] = [before, link, after]
                    del left[term]
                    break
        cell.source = "".join(pieces)


def _question(key: str) -> str:
    question = load_question(key)
    answers = "\n".join(f"- **{letter}.** {as_markdown(answer.text)}" for letter, answer in question.lettered)
    return f"```python\n{question.code}\n```\n\n**Question.** {as_markdown(question.question)}\n\n{answers}"


def _answers(key: str) -> str:
    lines = "\n".join(
        f"- **{letter}** is {'right' if answer.right else 'wrong'}: “{as_markdown(answer.text)}” {as_markdown(answer.why)}"
        for letter, answer in load_question(key).lettered
    )
    decided = "flipped" if load_question(key).scenario else "run the cell"  # code without a switch is run, not flipped
    return f"<details><summary>Each answer, after you have {decided}</summary>\n\n{lines}\n\n</details>"


def _folded_explanation(found: re.Match[str]) -> str:
    """On a page that stands beside a question, an open explanation would be read before the question is answered."""
    return f"<details><summary>Explain, after you have seen what was measured</summary>\n\n{found[1]}\n\n</details>\n\n"


_WRITTEN = {"question": _question, "answers": _answers}


def _folded_hints(text: str) -> str:
    """Hints, each folded inside the one before, so that they come one at a time."""
    hints = [" ".join(h.split()) for h in re.split(r"^Hint: ", text, flags=re.MULTILINE)[1:]]
    folded = ""
    for number, hint in reversed(list(enumerate(hints, 1))):
        inner = f"\n\n{folded}" if folded else ""
        folded = f"<details><summary>Hint {number} of {len(hints)}</summary>\n\n{hint}{inner}\n\n</details>"
    return f"{folded}\n"
