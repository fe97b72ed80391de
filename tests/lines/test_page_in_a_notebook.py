"""The margin's table inside JupyterLab, whose own style sets cells to the right."""

import re

from gradlab.lines.page import STYLE

# JupyterLab 4: `:not(.jp-RenderedMarkdown).jp-RenderedHTMLCommon td { text-align: right }`, two classes and an element.
JUPYTERLAB = (2, 1)


def weight(selector: str) -> tuple[int, int]:
    """(Classes, elements) of a selector, as CSS counts them."""
    return len(re.findall(r"\.[\w-]+", selector)), len(re.findall(r"(?:^|\s)[a-z]+", selector))


def test_the_alignment_of_cells_is_ours_in_jupyterlab():
    rules = re.findall(r"([^{}]+)\{([^}]*text-align[^}]*)\}", STYLE)
    cells = [part.strip() for rule, _ in rules for part in rule.split(",") if re.search(r"\b(td|th)\b", part)]
    assert len(cells) >= 3
    assert all(weight(cell) > JUPYTERLAB for cell in cells), cells
    code = next(body for rule, body in rules if rule.strip().endswith("table td"))
    assert "text-align: left" in code and "white-space: pre" in code
