"""All that Sphinx is given: the lessons, the docs, and the pages that are made here. Text and bytes, no TensorFlow.

The folders are those of the repository, so that a link from one page to another is the same link.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gradlab.lab.questions import all_questions
from gradlab.site import pages
from gradlab.site.compute import all_names
from gradlab.site.lessons import lesson, panels_of, tells, with_what_was_told
from gradlab.site.plan import Plan
from gradlab.site.ready import by_lesson, listed, titles_of
from gradlab.site.ready import pages as pages_ready

BESIDES = ("ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "benchmarks/jacobian.md", "benchmarks/jacobian.svg", "examples/README.md", "docs/*.md", "docs/*.svg")  # fmt: skip
_NAMED = re.compile(r"^\| `(\w+)` (?=\|)", re.M)  # a scenario at the beginning of a table's row
_LINK = re.compile(r"\[([^\]]*)\]\((?!\w+:|#)([^)\s]+?)(#[^)]*)?\)")


class NoCheckout(LookupError):
    """The folder holds no notebooks and docs to build a site from."""


class Broken(ValueError):
    """A notebook is damaged, or shows a panel that there is no scenario for."""


def read_notebooks(root: Path, wanted: Sequence[str] | None = None) -> dict[str, dict[str, Any]]:
    """{stem: executed notebook} of the checkout `root`.

    Raises NoCheckout if there is none, LookupError for an unknown one, Broken for one that is not to be read, or that shows
    a panel without a scenario: its page would have a hole.
    """
    files = sorted((root / "notebooks").glob("[0-9][0-9]_*.ipynb"))
    if not files or not (root / "docs").is_dir():
        raise NoCheckout(
            f"{root} has no notebooks/NN_name.ipynb and docs/: the site is built from a clone of the repository. "
            "Go to its folder first, or name it with --root."
        )
    unknown = set(wanted or ()) - {f.stem for f in files}
    if unknown:
        raise LookupError(f"there is no notebook {sorted(unknown)[0]}; there are {', '.join(f.stem for f in files)}")
    chosen = [f for f in files if wanted is None or f.stem in wanted]
    found = {f.stem: _read(f) for f in chosen}
    known = set(all_names())
    for stem, notebook in found.items():
        for name in panels_of(notebook):
            if name not in known:
                raise Broken(
                    f"notebooks/{stem}.ipynb shows the panel {name}, and there is no file gradlab/scenarios/{name}.py. "
                    f"Put the file back, or take the panel out of notebooks/{stem}.py and run `gradlab render`."
                )
    return found


def _read(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        panels_of(found)  # has cells, and cells have outputs
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise Broken(
            f"{file} is no notebook ({type(error).__name__}: {error}). Fetch it again, or make it from its script: "
            f"gradlab render notebooks/{file.stem}.py"
        ) from error
    return dict(found) if not any(map(tells, found["cells"])) else _told(file, found)


def _told(file: Path, found: Mapping[str, Any]) -> dict[str, Any]:
    """The notebook with what its cells tell after a flip; only the whole notebook beside it has that."""
    whole = file.parent / "solutions" / file.name
    try:
        return with_what_was_told(found, json.loads(whole.read_text(encoding="utf-8")))
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise Broken(
            f"{whole} is needed for what the cells of {file.name} measured, and can't be used ({type(error).__name__}: {error}). "
            f"Make both from their script: gradlab render notebooks/{file.stem}.py"
        ) from error


def sources(
    root: Path,
    notebooks: Mapping[str, Mapping[str, Any]],
    plans: Sequence[Plan],
    words: Mapping[str, str],
    reports: Mapping[str, tuple[str, str]],
    helps: Mapping[str, str] | None,
    tried: Mapping[tuple[str, str], str] | None = None,
    ready: tuple[str, str | None] = ("", None),
) -> dict[str, str | bytes]:
    """{path below the source folder: content}, without the panels' own files, which `build` writes.

    `words` are those of each panel's static picture; `reports` is {name: (program, what the doctor says)}.
    `tried` is that of `lessons.lesson`. `ready` are one panel and the decision tree, each as a file of HTML. `helps` is {command: its help}; without it there are no pages of reference, which load TensorFlow.
    """
    found: dict[str, str | bytes] = {}
    for stem, notebook in notebooks.items():
        found[f"notebooks/{stem}.ipynb"], pictures = lesson(stem, notebook, tried)
        found |= {f"_static/pictures/{name}": picture for name, picture in pictures.items()}
    for pattern in BESIDES:
        for file in sorted(root.glob(pattern)):
            path = file.relative_to(root).as_posix()
            found[path] = file.read_text(encoding="utf-8")
    shown = {name: stem for stem, notebook in reversed(list(notebooks.items())) for name in panels_of(notebook)}
    for plan in plans:
        found[f"scenarios/{plan.name}.md"] = pages.scenario(plan, words[plan.name], shown.get(plan.name, ""))
    found["scenarios/index.md"] = pages.scenarios([plan.name for plan in plans])
    where = pages.where(root)
    found["none.md"] = pages.none(reports, notebooks, where, "docs/decision_tree.md" in found)
    named, whole = {plan.name for plan in plans}, len(plans) == len(all_names())
    asked = [question for question in all_questions() if whole or question.scenario in named]
    titles, sorted_in = titles_of(notebooks), by_lesson(asked, list(notebooks), shown, root)
    found["questions.md"] = pages.questions(sorted_in, titles, named)
    found |= pages_ready(sorted_in, titles, *ready)
    for path, after, words_there in (
        (pages.TEACH, "## To print\n", listed(sorted_in, titles, ready[1] is not None)),
        ("docs/install.md", "# Install\n", f"{where}\n"),
    ):
        if path in found:
            found[path] = pages.inserted(str(found[path]), after, words_there)
    if helps is not None:
        found |= pages.reference(helps)
    first = next((p.name for p in plans if p.name == pages.HOME), plans[0].name)
    found["index.md"] = pages.home(first, words[first], found, list(notebooks))
    found["notebooks/index.md"] = pages.lessons(list(notebooks))
    found["docs/index.md"] = pages.docs(found)
    return {path: _linked(path, text, found, root) for path, text in found.items()}


def _linked(path: str, text: str | bytes, pages: Mapping[str, Any], root: Path) -> str | bytes:
    """A page whose links to files of the repository that are no pages here are plain text: a site has no such file.

    A scenario that a table names is a link to its page.
    """
    if not isinstance(text, str) or not path.endswith((".md", ".ipynb")):
        return text

    def plain(match: re.Match[str]) -> str:
        target = _resolved(path, match[2])
        if target in pages or not (root / target).exists():  # what is nowhere is Sphinx's to complain of
            return match[0]
        return f"{match[1]} (`{target}` in the repository)" if match[1].strip("`") != target else match[1]

    def named(match: re.Match[str]) -> str:
        page = f"scenarios/{match[1]}.md"
        return f"| [`{match[1]}`]({'../' * path.count('/')}{page}) " if page in pages else match[0]

    def linked(words: str) -> str:
        return _NAMED.sub(named, _LINK.sub(plain, words))

    if path.endswith(".md"):
        return linked(text)
    notebook = json.loads(text)
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = linked("".join(cell["source"]))
        for output in cell.get("outputs", ()):
            if "text/markdown" in output.get("data", {}):
                output["data"]["text/markdown"] = linked("".join(output["data"]["text/markdown"]))
    return json.dumps(notebook, indent=1, ensure_ascii=False)


def _resolved(path: str, link: str) -> str:
    parts = path.split("/")[:-1]
    for part in link.split("/"):
        if part == "..":
            parts = parts[:-1]
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


def write(folder: Path, found: Mapping[str, str | bytes]) -> None:
    """Make the folder hold exactly these files. One that is right already is not touched: Sphinx goes by the times."""
    for path, content in found.items():
        file = folder / path
        new = content.encode() if isinstance(content, str) else content
        if not file.is_file() or file.read_bytes() != new:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(new)
    for file in [f for f in folder.rglob("*") if f.is_file()]:
        if file.relative_to(folder).as_posix() not in found:
            file.unlink()
