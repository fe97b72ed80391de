"""What a teacher takes from a site without an install: sheets of questions and their keys, the decision tree on paper, one panel as a file.

- `by_lesson`: the questions in the order of the notebooks; `pages`: {path: HTML} of all that is ready; `listed`: the links to it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from gradlab.authoring.handout import handout, key
from gradlab.lab.questions import Question

FOLDER = "_static/ready"
TREE, PANEL = f"{FOLDER}/decision_tree.html", f"{FOLDER}/panel.html"
_ASKED = re.compile(r"<!-- question: (\w+) -->")
# 15 mm keep text out of what printers can't reach; a question is not torn over two sheets where it fits on one.
_PRINTED = """\
@page { size: A4; margin: 15mm }
body { font: 11pt/1.35 system-ui, sans-serif; color: #000; background: #fff; max-width: 46em; margin: 1em auto; padding: 0 1em }
h1 { font-size: 15pt } h2 { font-size: 12pt; margin: 1.2em 0 .3em; break-after: avoid } section { break-inside: avoid }
pre { font-size: 9pt; border: 1px solid #767676; padding: 6px; white-space: pre-wrap; overflow-wrap: anywhere } ul { padding-left: 1.2em } li { margin: .2em 0 }
@media print { body { margin: 0; padding: 0; max-width: none } }
"""


def by_lesson(
    questions: Sequence[Question], notebooks: Sequence[str], shown: Mapping[str, str], root: Path
) -> dict[str, list[Question]]:
    """{stem of a notebook: its questions, in its order}; those of no notebook under "".

    A notebook's script marks its questions. A scenario's question that no script asks belongs to the notebook that shows its panel (`shown`).
    """
    left, found = {question.key: question for question in questions}, {}
    for stem in notebooks:
        script = root / "notebooks" / f"{stem}.py"
        marked = _ASKED.findall(script.read_text(encoding="utf-8")) if script.is_file() else []
        found[stem] = [left.pop(name) for name in marked if name in left]
    for question in list(left.values()):
        if shown.get(question.scenario) in found:
            found[shown[question.scenario]].append(left.pop(question.key))
    return {stem: some for stem, some in {**found, "": list(left.values())}.items() if some}


def pages(
    asked: Mapping[str, Sequence[Question]], titles: Mapping[str, str], panel: str, tree: str | None
) -> dict[str, str]:
    """{path: HTML}: a sheet and a key for each lesson, the tree where there is one, and the panel as one file."""
    found = {PANEL: panel, **({TREE: tree} if tree else {})}
    for stem, questions in asked.items():
        names = [question.key for question in questions]
        for word, text in (("sheet", handout(names)), ("key", key(names))):
            title = f"{_lesson(stem, titles)}: {'questions' if word == 'sheet' else 'key'}"
            found[_path(word, stem)] = _page(title, text.partition("\n")[2])
    return found


def listed(asked: Mapping[str, Sequence[Question]], titles: Mapping[str, str], tree: bool) -> str:
    """The links as Markdown, for a page in a folder below the top of the site."""

    def link(path: str, words: str) -> str:
        return f'<a href="../{path}">{escape(words)}</a>'

    rows = "".join(
        f"<tr><td>{escape(_lesson(stem, titles))}</td><td>{len(questions)}</td><td>{link(_path('sheet', stem), 'sheet')}</td>"
        f"<td>{link(_path('key', stem), 'key')}</td></tr>"
        for stem, questions in asked.items()
    )
    table = f"<table class='table'><thead><tr><th>lesson</th><th>number of questions</th><th>to hand out</th><th>for the teacher</th></tr></thead><tbody>{rows}</tbody></table>"
    paper = f"<p>{link(TREE, 'The decision tree')}: one page of A4.</p>" if tree else ""
    one = f"<p>{link(PANEL, 'One panel as a file')} of its own, for slides or a learning platform: save it, and open it anywhere.</p>"
    return f"These are ready in this site. They need no install: open one and print it.\n\n```{{raw}} html\n{paper}{one}{table}\n```\n"


def titles_of(notebooks: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """{stem: the title of the notebook}."""
    found = {}
    for stem, notebook in notebooks.items():
        source = notebook["cells"][0]["source"]
        found[stem] = (source if isinstance(source, str) else "".join(source)).partition("\n")[0].lstrip("# ")
    return found


def _lesson(stem: str, titles: Mapping[str, str]) -> str:
    return titles[stem] if stem else "Of no lesson"


def _path(word: str, stem: str) -> str:
    return f"{FOLDER}/{word}_{stem or 'more'}.html"


def _page(title: str, text: str) -> str:
    """Markdown as a page that prints, each question in a section."""
    from markdown_it import MarkdownIt  # comes with myst-nb, which reads the pages of the site

    rendered = MarkdownIt().render(text).replace("[ ] ", "☐ ")
    first, *parts = rendered.split("<h2>")
    body = first + "".join(f"<section><h2>{part}</section>" for part in parts)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_PRINTED}</style></head><body><main><h1>{escape(title)}</h1>{body}</main></body></html>\n"
    )
