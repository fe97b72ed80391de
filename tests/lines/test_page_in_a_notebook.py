"""The margin's table inside JupyterLab, whose own style sets cells to the right."""

import os
import re

import pytest
import tensorflow as tf
from browser import executable
from panel_page import bare_page

import gradlab
from gradlab.lines.page import STYLE, element

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


def long_line(w):
    return (w + w) * 1.0 + (w + w) * 1.0 + (w + w) * 1.0 + (w + w) * 1.0 + (w + w) * 1.0 + (w + w) * 1.0 + (w + w) * 1.0  # fmt: skip


@pytest.mark.xdist_group("browser")
@pytest.mark.skipif(
    executable() is None and os.environ.get("CI") != "true", reason="NO CHROMIUM FOUND: THE TABLE WAS NOT LAID OUT"
)
def test_a_long_line_goes_on_below_itself_so_that_what_is_said_stays_in_sight():
    """In a notebook beside the list of files; without wrapping the last column begins beyond the right edge."""
    w = tf.Variable([1.0])
    with bare_page() as page:
        page.set_viewport_size({"width": 900, "height": 600})
        found = gradlab.line_gradients(lambda: tf.reduce_sum(long_line(w)), {"w": w})
        page.set_content(element(found))
        box = page.locator(".scroll").first
        assert box.evaluate("b => b.scrollWidth <= b.clientWidth + 1")
        row = page.locator("td.code", has_text="return (").first
        assert row.evaluate("c => c.clientHeight") > 30
