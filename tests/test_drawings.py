"""Drawings: well formed, in words, light and dark, and inside their sheet."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from gradlab.drawings import _DARK, _LIGHT, drawing, names

SVG = "{http://www.w3.org/2000/svg}"
NOTEBOOKS = Path(__file__).parents[1] / "notebooks"


@pytest.mark.parametrize("name", names())
def test_a_drawing_is_whole(name):
    made = drawing(name)
    root = ET.fromstring(made.svg)
    assert root.get("role") == "img" and root.get("aria-label") == made.alt == root.find(f"{SVG}title").text
    assert len(made.alt) > 80 and repr(made) == made.alt
    assert "prefers-color-scheme:dark" in made.svg
    wide, high = float(root.get("width")), float(root.get("height"))
    for text in root.iter(f"{SVG}text"):
        at, length = float(text.get("x")), 0.56 * float(text.get("font-size")) * len(text.text)
        left = at - {"start": 0, "middle": length / 2}[text.get("text-anchor")]
        assert left >= 0 and left + length <= wide, (text.text, left, left + length)
        assert 0 < float(text.get("y")) < high
    for line in root.iter(f"{SVG}polyline"):
        for x, y in re.findall(r"([-\d.]+),([-\d.]+)", line.get("points")):
            assert 0 <= float(x) <= wide and 0 <= float(y) <= high


def contrast(one, two):
    def light(colour):
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    a, b = sorted((light(one), light(two)), reverse=True)
    return (a + 0.05) / (b + 0.05)


@pytest.mark.parametrize("colours", [_LIGHT, _DARK])
def test_every_colour_of_text_can_be_read(colours):
    for name in ("ink", "weak", "path", "cut"):
        assert contrast(colours[name], colours["paper"]) >= 4.5, name
    assert contrast(colours["ink"], colours["fill"]) >= 4.5


@pytest.mark.parametrize("name", names())
def test_every_drawing_is_used_by_a_notebook(name):
    assert any(f'drawing("{name}")' in script.read_text(encoding="utf-8") for script in NOTEBOOKS.glob("[0-9]*.py"))


def test_an_unknown_drawing_names_the_nearest():
    with pytest.raises(LookupError, match="staircase"):
        drawing("staircas")
