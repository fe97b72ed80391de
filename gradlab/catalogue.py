"""What there is: every scenario with its claim and the notebook that shows it, found by looking, never by a list."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gradlab.scenario import Scenario, load, names
from gradlab.verdict import in_words


@dataclass(frozen=True)
class Catalogue:
    """A table of scenarios; Markdown in a notebook and as text."""

    rows: tuple[tuple[str, str, str, str], ...]

    @property
    def markdown(self) -> str:
        """The table as Markdown."""
        head = ("scenario", "the switch", "what it does to the gradients", "notebook")
        lines = [head, ("---",) * 4, *self.rows]
        return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in lines)

    def _repr_markdown_(self) -> str:
        return self.markdown

    def __repr__(self) -> str:
        return f"{len(self.rows)} scenarios: {', '.join(row[0].strip('`') for row in self.rows)}"


def catalogue(folder: str | Path = ".", link: str = "") -> Catalogue:
    """All scenarios in the order of the notebooks in `folder` that show them; `link` is put before each notebook's name.

    A scenario that no notebook shows is listed last, and says so. Loads TensorFlow, because the scenarios do.
    """
    scripts = sorted(Path(folder).glob("[0-9]*.py"))
    shown = {name: notebook_of(name, scripts) for name in names()}
    order = sorted(shown, key=lambda name: (shown[name] or "~", name))
    return Catalogue(tuple(_row(load(name), shown[name], link) for name in order))


def notebook_of(name: str, scripts: list[Path]) -> str:
    """The stem of the first notebook source that opens a panel on the scenario, or ""."""
    for script in scripts:
        if f'Panel("{name}"' in script.read_text(encoding="utf-8"):
            return script.stem
    return ""


def _row(scenario: Scenario, notebook: str, link: str) -> tuple[str, str, str, str]:
    three, two = (in_words(scenario.expected(keras)[1]) or "nothing" for keras in (3, 2))
    effect = three if three == two else f"Keras 3: {three}. Legacy Keras: {two}"
    where = f"[{notebook}]({link}{notebook}.ipynb)" if notebook else "none yet"
    return f"`{scenario.name}`", f"{scenario.switch[1]}, instead of: {scenario.switch[0]}", effect, where
