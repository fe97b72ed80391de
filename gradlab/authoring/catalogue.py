"""What there is: every scenario with its claim and the notebook that shows it, found by looking, never by a list."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from gradlab.lab.markdown import as_markdown
from gradlab.lab.scenario import Scenario, load, names
from gradlab.lab.verdict import in_words


@dataclass(frozen=True)
class Catalogue:
    """A table of scenarios: Markdown in a notebook, their names as text."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @property
    def markdown(self) -> str:
        """The table as Markdown."""
        lines = [self.head, ("---",) * len(self.head), *self.rows]
        return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in lines)

    def _repr_markdown_(self) -> str:
        return self.markdown

    def __repr__(self) -> str:
        return f"{len(self.rows)} scenarios: {', '.join(row[0].strip('`') for row in self.rows)}"


def catalogue(folder: str | Path = ".", link: str = "", effects: bool = False) -> Catalogue:
    """All scenarios in the order of the notebooks in `folder` that show them; `link` is put before each notebook's name.

    `effects` adds what the switch does to the gradients, which a learner is better off finding out. A scenario that no
    notebook shows is listed last, and says so. Loads TensorFlow, because the scenarios do.
    """
    scripts = [s for s in sorted(Path(folder).glob("[0-9]*.py")) if not s.name.startswith("00")]
    shown = {name: notebook_of(name, scripts) for name in names()}
    order = sorted(shown, key=lambda name: (shown[name] or "~", name))
    head = ("scenario", "with the switch on", *(("the gradients then",) if effects else ("the claim",)), "notebook")
    return Catalogue(head, tuple(_row(load(name), shown[name], link, effects) for name in order))


BEGIN, END = "<!-- scenarios: written by `make notebooks` -->", "<!-- end of scenarios -->"


def with_table(text: str, table: str) -> str:
    """`text` with what stands between the two marker lines replaced by the table.

    Raises ValueError if the markers are not there, once each and in order.
    """
    before, found, rest = text.partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not found or not ended:
        raise ValueError(f"There must be a line {BEGIN!r} and after it a line {END!r}; at least one was not found.")
    return f"{before}{BEGIN}\n{table}\n{END}{after}"


def notebook_of(name: str, scripts: list[Path]) -> str:
    """The stem of the first notebook source that opens a panel on the scenario, or has it voted on; or ""."""
    for script in scripts:
        text = script.read_text(encoding="utf-8")
        voted_on = any(f'"{name}"' in names for names in re.findall(r"\bVotes\(([^)]*)\)", text))
        if f'Panel("{name}"' in text or voted_on:
            return script.stem
    return ""


def _row(scenario: Scenario, notebook: str, link: str, effects: bool) -> tuple[str, ...]:
    three, two = (in_words(scenario.expected(keras)[1]) or "nothing changes" for keras in (3, 2))
    effect = three if three == two else f"Keras 3: {three}. Legacy Keras: {two}"
    where = f"[{notebook}]({link}{notebook}.ipynb)" if notebook else "none yet"
    claim = f"{as_markdown(scenario.claim)} ({', '.join(scenario.claims)})"
    return f"`{scenario.name}`", as_markdown(scenario.switch[1]), effect if effects else claim, where
