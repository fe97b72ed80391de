"""The theme's style sheet without the rules for what no page of the site has: it is what a first panel waits for longest.

- `styles`: the style sheets of a site, made smaller into another folder.
- `slim`: one style sheet with the rules that the given words can need.

Most of the theme's 378 kB is Bootstrap's components and Font Awesome's two thousand icons. A rule is left out only if each of
its selectors names a class or an id that stands in no page and in no script as a word, so a script that sets a class keeps it.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

import tinycss2

BUILT = ("bs-",)  # how names begin that Bootstrap's script puts together, such as `bs-tooltip-auto`
_WORD = re.compile(r"[\w-]+")
_LICENCE = re.compile(r"/\*!.*?\*/", re.DOTALL)  # comments that have to stay with the text
_GROUPS = ("media", "supports", "layer", "container")  # at-rules that hold rules


def styles(made: Path, into: Path) -> None:
    """Write each style sheet of the site `made` to the same place below `into`, without what its pages can't need.

    `into` is emptied first. Raises OSError where it can't be written.
    """
    shutil.rmtree(into, ignore_errors=True)
    known = words(made)
    for file in sorted(made.rglob("*.css")):
        smaller = into / file.relative_to(made)
        smaller.parent.mkdir(parents=True, exist_ok=True)
        smaller.write_text(slim(file.read_text(encoding="utf-8"), known), encoding="utf-8")


def words(folder: Path) -> set[str]:
    """Every word of each .html and .js file below `folder`, without the data of panels and the index of the search."""
    files = (f for f in folder.rglob("*") if f.suffix in (".html", ".js"))
    read = (f for f in files if f.parent.name != "panels" and f.name != "searchindex.js")
    return {word for file in read for word in _WORD.findall(file.read_text(encoding="utf-8"))}


def slim(css: str, known: Collection[str]) -> str:
    r"""The style sheet `css` without the selectors that name a class or an id which `known` does not have.

    >>> slim(".a, .b > p { color: red } .b { top: 0 } a:not(.b) { left: 0 } @media print { .b { top: 0 } }", {"a"})
    '.a{color: red}\na:not(.b){left: 0}\n'
    """
    licences = "".join(f"{comment}\n" for comment in _LICENCE.findall(css))
    return licences + _rules(tinycss2.parse_stylesheet(css, skip_comments=True, skip_whitespace=True), known)


def _rules(rules: Iterable[Any], known: Collection[str]) -> str:
    kept = []
    for rule in rules:
        if rule.type == "qualified-rule":
            selectors = [s for s in _selectors(rule.prelude) if all(_known(name, known) for name in _names(s))]
            if selectors:
                kept.append(f"{','.join(map(_text, selectors))}{{{_text(rule.content)}}}\n")
        elif rule.type == "at-rule" and rule.lower_at_keyword in _GROUPS and rule.content is not None:
            inside = _rules(tinycss2.parse_rule_list(rule.content, skip_comments=True, skip_whitespace=True), known)
            if inside:
                kept.append(f"@{rule.at_keyword} {_text(rule.prelude)}{{\n{inside}}}\n")
        else:  # fonts, keyframes, imports; and what is damaged stays as it is
            kept.append(f"{rule.serialize()}\n")
    return "".join(kept)


def _selectors(prelude: Sequence[Any]) -> list[list[Any]]:
    """The parts of a selector list between its commas; those inside of parentheses do not count."""
    parts: list[list[Any]] = [[]]
    for token in prelude:
        if token.type == "literal" and token.value == ",":
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


def _names(selector: Sequence[Any]) -> Iterable[str]:
    """Classes and ids that an element must have. Inside of parentheses, as in :not(.a), they may be absent."""
    for before, token in zip([None, *selector], selector, strict=False):
        if token.type == "hash":
            yield token.value
        elif token.type == "ident" and before is not None and before.type == "literal" and before.value == ".":
            yield token.value


def _known(name: str, known: Collection[str]) -> bool:
    return name in known or name.startswith(BUILT)


def _text(tokens: Sequence[Any]) -> str:
    return str(tinycss2.serialize(tokens)).strip()
