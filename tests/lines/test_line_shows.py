"""Text, page, picture and the reduced strip; no TensorFlow."""

import io
import random
import subprocess
import sys

import pytest

from gradlab.lines.model import Line, LineGradients
from gradlab.lines.parts import Visit
from gradlab.lines.strip import spans


def _visits(kinds: str) -> list[Visit]:
    table = {"k": "ok", "n": "none", "x": "nan", "0": "zero", "i": "inf"}
    return [Visit(i, i, table[c], 10.0 ** (i % 7 - 3) if c == "k" else None) for i, c in enumerate(kinds)]


def test_drawing_needs_no_tensorflow() -> None:
    code = "import sys, gradlab.lines, gradlab.lines.text, gradlab.lines.page, gradlab.lines.picture\n"
    code += "assert not {'tensorflow', 'keras', 'matplotlib'} & set(sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_runs_keep_a_cell_each() -> None:
    found = spans(_visits("n" * 970 + "k" * 30), 12)
    assert [s.kind for s in found] == ["none"] * 11 + ["ok"]
    found = spans(_visits("k" * 500 + "x" + "k" * 499), 12)
    assert len(found) == 12 and [s.kind for s in found].count("nan") == 1


def test_nothing_is_lost_or_doubled() -> None:
    rng = random.Random(0)
    for _ in range(200):
        visits = _visits("".join(rng.choice("kkkkknx0i") for _ in range(rng.randint(1, 300))))
        cells = rng.randint(1, 40)
        found = spans(visits, cells)
        assert len(found) <= cells
        assert [v for s in found for v in s.visits] == visits
        for s in found:
            sizes = [v.norm for v in s.visits if v.kind == s.kind and v.norm is not None]
            assert (s.low, s.high) == ((min(sizes), max(sizes)) if sizes else (None, None))
            if any(v.kind == "nan" for v in s.visits):
                assert s.kind == "nan"
    with pytest.raises(ValueError, match="at least 1"):
        spans(_visits("k"), 0)


def _result(kinds: str = "kn0xi") -> LineGradients:
    lines = [
        Line("a.py", 1, 1, "def f():", "f", statement=1),
        Line("a.py", 2, 2, "\th = g()", "f", "in", 2, visits=_visits(kinds), ran=5),
    ]
    return LineGradients("a.py", lines, title="a $title$")


def test_every_kind_has_a_sign_of_its_own() -> None:
    line = repr(_result()).splitlines()[-1]
    strip = line[1:13].strip()
    assert len(strip) == 5 and len(set(strip)) == 5
    plain = _result().text(ascii=True, colour=False).splitlines()[-1]
    assert len(set(plain[1:13].strip())) == 5 and plain.isascii()


def test_colour_only_on_a_terminal(monkeypatch) -> None:
    class Terminal(io.StringIO):
        encoding = "utf-8"

        def isatty(self) -> bool:
            return True

    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[" in _result().text(stream=Terminal())
    assert "\x1b[" not in _result().text(stream=io.StringIO())
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" not in _result().text(stream=Terminal())


def test_ascii_where_the_stream_cannot_encode() -> None:
    assert _result().text(stream=io.TextIOWrapper(io.BytesIO(), "ascii")).isascii()


def test_margin_is_fourteen_columns() -> None:
    assert repr(_result("k" * 50)).splitlines()[-1].index("2  ") == 14


def test_no_text_of_the_picture_is_clipped() -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    from gradlab.lines.picture import draw

    result = _result()
    result.lines[1].text = "    " + "W" * 300
    result.lines[1].reads = [("$k$ " * 10, "none")]
    figure = draw([result, _result()], ["off", "on $x$"])
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    page = figure.bbox
    for text in figure.findobj(lambda a: hasattr(a, "get_text") and a.get_text()):
        box = text.get_window_extent(canvas.get_renderer())
        assert page.x0 <= box.x0 and box.x1 <= page.x1 + 1 and page.y0 <= box.y0 + 1 and box.y1 <= page.y1 + 1, text


def test_folds_where_there_are_many_lines() -> None:
    lines = [Line("a.py", n, n, f"x = {n}", "f", statement=n) for n in range(1, 500)]
    lines[250].visits = _visits("k")
    shown = repr(LineGradients("a.py", lines)).splitlines()
    assert len(shown) < 10 and any("lines)" in s for s in shown) and any("x = 251" in s for s in shown)


def test_data_has_no_nan() -> None:
    import json

    data = _result().to_dict()
    json.dumps(data, allow_nan=False)
    assert [v["kind"] for v in data["lines"][1]["visits"]] == ["ok", "none", "zero", "nan", "inf"]
    assert data["scale"] == {"lo": -3, "hi": -2}


def test_page_is_whole_and_asks_no_network() -> None:
    from html.parser import HTMLParser

    from gradlab.lines.page import document

    text = document([_result(), _result()])
    assert "http" not in text and "<script" not in text
    tags: list[str] = []

    class Check(HTMLParser):
        def handle_starttag(self, tag, attrs):
            if tag not in ("meta", "br"):
                tags.append(tag)

        def handle_startendtag(self, tag, attrs):
            pass

        def handle_endtag(self, tag):
            assert tags.pop() == tag

    Check().feed(text)
    assert tags == []
