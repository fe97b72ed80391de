"""The links to Binder, Colab, nbgitpuller and the site, for the repository in which a copy of gradlab is published.

- `links`: {name: address}; `rewrite`: put them into README and notebooks; `check`: which of them answer.
"""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from gradlab.authoring.notebooks import write_whole

REPOSITORY = re.compile(r"^[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+$")
BEGIN, END = "<!-- links: written by `gradlab links` -->", "<!-- end of links -->"
START = "notebooks/00_start_here.ipynb"
PATIENCE = 10  # seconds that a service has to answer


def links(repository: str, branch: str = "main", notebook: str = START) -> dict[str, str]:
    """{service: address} for a notebook of the repository OWNER/REPO. Raises ValueError for another form of name.

    >>> links("me/gradlab")["Site"]
    'https://me.github.io/gradlab/notebooks/00_start_here.html'
    """
    if not REPOSITORY.match(repository):
        raise ValueError(f"{repository!r} is no repository; expected OWNER/REPO, such as ada/gradlab")
    owner, name = repository.split("/")
    pulled = f"repo=https%3A%2F%2Fgithub.com%2F{owner}%2F{name}&branch={quote(branch)}&urlpath={quote(f'lab/tree/{name}/{notebook}', safe='')}"
    return {
        "Binder": f"https://mybinder.org/v2/gh/{repository}/{quote(branch, safe='')}?labpath={quote(notebook, safe='')}",
        "Colab": f"https://colab.research.google.com/github/{repository}/blob/{branch}/{notebook}",
        "nbgitpuller": f"https://YOUR-HUB/hub/user-redirect/git-pull?{pulled}",
        "Site": f"https://{owner.lower()}.github.io/{name}/{notebook.removesuffix('.ipynb')}.html",
    }


def line(found: Mapping[str, str]) -> str:
    """The links as a line of Markdown."""
    return "Open in: " + " · ".join(f"[{name}]({address})" for name, address in found.items())


def rewrite(root: Path, repository: str, branch: str = "main") -> list[Path]:
    """Write the links into README.md and the first cell of each notebook's script; the files that changed.

    They stand between two marker lines, so that a second call replaces them. Raises ValueError for a name of another form
    and for a file in which one marker of the two is missing; then no file is changed.
    """
    changed = {}
    for file in [root / "README.md", *sorted((root / "notebooks").glob("[0-9][0-9]_*.py"))]:
        notebook = START if file.name == "README.md" else f"notebooks/{file.stem}.ipynb"
        text = file.read_text(encoding="utf-8")
        new = _with_links(file, text, line(links(repository, branch, notebook)))
        if new != text:
            changed[file] = new
    for file, new in changed.items():
        write_whole(file, new)
    return list(changed)


def _with_links(file: Path, text: str, words: str) -> str:
    prefix = "# " if file.suffix == ".py" else ""
    if (BEGIN in text) != (END in text):
        raise ValueError(f"{file} has one of the two lines {BEGIN!r} and {END!r}; expected both, or none")
    block = f"{BEGIN}\n{prefix}{words}\n{prefix}{END}"
    if BEGIN in text:
        before, _, rest = text.partition(BEGIN)
        return before + block + rest.partition(END)[2]
    first = re.search(rf"^{re.escape(prefix)}# .*\n", text, re.M)  # the title
    if first is None:
        raise ValueError(f"{file} has no title to put the links below")
    blank = prefix.strip()
    return f"{text[: first.end()]}{blank}\n{prefix}{block}\n{text[first.end() :]}"


def check(found: Mapping[str, str]) -> dict[str, str]:
    """{service: "answers" or why it could not be checked}."""
    said = {}
    for name, address in found.items():
        if "YOUR-HUB" in address:
            said[name] = "not checked: put the address of your hub in the place of YOUR-HUB"
            continue
        try:
            request = urllib.request.Request(address, method="HEAD", headers={"User-Agent": "gradlab"})
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                said[name] = f"answers ({answer.status})"
        except urllib.error.HTTPError as error:
            said[name] = f"refused: {error.code} {error.reason}"
        except OSError as error:
            said[name] = f"not checked: {error}"
    return said
