"""What is kept, and how it is shown. Hand-made columns: no training."""

import io
import json
import re

import numpy as np
import pytest

from gradlab.watch.alarm import Alarm
from gradlab.watch.columns import NONE, UNSEEN, Column
from gradlab.watch.figure import alt_text, figure
from gradlab.watch.page import page
from gradlab.watch.record import Record
from gradlab.watch.text import block, mark, summary
from gradlab.watch.views.lines import LinesView
from gradlab.watch.views.terminal import TerminalView

NAMES = ["lstm/kernel", "lstm/bias", "<b>head</b>/kernel", "unused/kernel", "left/kernel"]


def column(step, norms=(1.0, 0.0, np.nan, NONE, UNSEEN)):
    norm = np.array(norms, np.float32)
    return Column(step, 1.0 / step, norm, norm.copy(), np.abs(norm) * 1e-3, np.abs(norm))


def record(steps=30, keep=1000):
    made = Record(keep, list(NAMES), loss_word="of the step")
    for step in range(1, steps + 1):
        made.add(column(step))
    made.alarms.append(Alarm("nan", 3, 3, (NAMES[2],), f"first NaN in {NAMES[2]}", "one is enough"))
    return made


def test_memory_stays_flat_over_a_hundred_thousand_steps():
    made = Record(100, list(NAMES))
    sizes = set()
    for step in range(1, 100_001):
        made.add(column(step))
        sizes.add(len(made.columns))
    assert max(sizes) <= 101
    steps = [c.step for c in made.columns]
    assert steps == sorted(steps)
    assert made.steps == 100_000
    assert steps[0] == 1
    assert max(np.diff(steps)) <= 2 * made.stride


def test_columns_that_an_alarm_names_outlive_thinning():
    made = record(16, keep=16)
    for step in range(17, 200):
        made.add(column(step))
    assert 3 in [c.step for c in made.columns]


def test_plain_data_has_words_for_what_is_no_number():
    found = json.loads(json.dumps(record(3).to_dict()))
    assert [found["norm"][n][0] for n in NAMES] == [1.0, 0.0, "nan", "none", "unseen"]
    assert found["loss"] == pytest.approx([1, 1 / 2, 1 / 3])
    assert found["alarms"][0]["step"] == 3


def test_a_table_for_pandas():
    pytest.importorskip("pandas")
    frame = record(3).to_pandas()
    assert len(frame) == 3 * len(NAMES)
    assert list(frame["kind"][:5]) == ["ok", "zero", "not finite", "none", "unseen"]


def test_the_figure_tells_five_things_apart_without_colour():
    fig = figure(record())
    below = fig.axes[1]
    hatches = {p.get_hatch() for p in below.patches}
    assert {"//", "..", "xx"} <= hatches
    assert any(p.get_facecolor()[:3] == (0, 0, 0) for p in below.patches)
    assert [t.get_text() for t in below.get_yticklabels()] == NAMES
    with pytest.raises(ValueError, match="what is 'weights'"):
        figure(record(), "weights")


@pytest.mark.parametrize(
    "names", [["encoder/layer_normalization/gamma", "encoder/dense_1/kernel"], list("abcdefghijkl")]
)
def test_no_text_of_the_figure_is_cut_or_lies_on_other_text(names):
    made = Record(1000, names, loss_word="as logged: the mean over the epoch")
    for step in range(1, 30):
        made.add(column(step, np.full(len(names), 1e-3)))
    fig = figure(made)
    fig.draw_without_rendering()
    titles = [t for a in fig.axes for t in (a.title, a._left_title, a.xaxis.label, a.yaxis.label) if t.get_text()]
    labels = fig.axes[1].get_yticklabels()
    told = {t.get_text(): t.get_window_extent() for t in (*titles, *labels)}
    assert set(told) == {"loss (as logged: the mean over the epoch)", "log10 |gradient|, as computed", "step", *names}
    for text, box in told.items():
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= fig.bbox.x1 and box.y1 <= fig.bbox.y1, text
        assert not [other for other, at in told.items() if other != text and box.overlaps(at)], text


def test_the_sentence_of_the_last_step_counts_what_is_odd():
    made = Record(1000, ["a", "b"])
    made.add(column(1, (np.nan, np.nan)))
    assert summary(made) == "step 1, loss 1, 2 not finite, no alarm"
    made.add(column(2, (NONE, UNSEEN)))
    assert summary(made) == "step 2, loss 0.5, 1 None, 1 not passed, no alarm"
    made.add(column(3, (1.0, 0.0)))
    assert summary(made) == "step 3, loss 0.3333, |g| 1.0e+00 to 1.0e+00, 1 zero, no alarm"


def test_the_page_needs_no_network_and_escapes_names():
    text = page(record())
    assert "<b>head</b>" not in text
    assert "&lt;b&gt;head&lt;/b&gt;" in text
    assert not re.search(r"(src|href)=[\"']?(https?:)?//", text)
    assert text.count('src="data:image/png;base64,') == 2
    assert "not passed" in text and "exactly 0" in text and ">None<" in text
    assert "first NaN" in alt_text(record())


def test_marks_read_without_colour():
    assert [mark(v) for v in (NONE, UNSEEN, 0.0, np.inf)] == ["∅", "?", "0", "∞"]
    blocks = [mark(10.0**n) for n in range(-8, 5)]
    assert blocks == sorted(blocks)
    assert len(set(blocks)) == 8


def screen(text, width=60, height=20):
    """What a terminal of that size shows: the few control sequences that are used, obeyed."""
    rows, row, at, saved = [[" "] * width for _ in range(height)], 0, 0, (0, 0)
    parts = re.findall(r"\x1b7|\x1b8|\x1b\[\d*[AJK]|\n|\r|\x08|.", text)
    for part in parts:
        if part == "\n":
            row, at = row + 1, 0
            while row >= height:
                rows, row = [*rows[1:], [" "] * width], row - 1
                saved = (saved[0] - 1, saved[1])
        elif part == "\r":
            at = 0
        elif part == "\x08":
            at = max(0, at - 1)
        elif part == "\x1b7":
            saved = (row, at)
        elif part == "\x1b8":
            row, at = saved
        elif part.endswith("A") and part.startswith("\x1b"):
            row = max(0, row - int(part[2:-1] or 1))
        elif part.endswith("K") and part.startswith("\x1b"):
            rows[row][at:] = [" "] * (width - at)
        elif part.endswith("J") and part.startswith("\x1b"):
            rows[row][at:] = [" "] * (width - at)
            rows[row + 1 :] = [[" "] * width for _ in rows[row + 1 :]]
        else:
            rows[row][at], at = part, min(at + 1, width - 1)
    return ["".join(r).rstrip() for r in rows]


def test_the_terminal_block_redraws_in_place_below_keras_line(monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("LINES", "20")
    out = io.StringIO()
    view, made = TerminalView(out), record(5)
    for step in range(3):
        out.write(f"\r{step + 1}/3 loss 0.5")
        view.show(made)
    shown = screen(out.getvalue())
    assert shown[0].startswith("3/3 loss 0.5")
    assert sum("lstm" in line for line in shown) == 1
    out.write("\r3/3 done")
    view.alarm(made.alarms[0])
    view.show(made, epoch_ended=True)
    out.write("\nEpoch 2")
    shown = screen(out.getvalue())
    assert shown[0].startswith("3/3 done")
    assert any("first NaN" in line for line in shown)
    assert not any("lstm " in line for line in shown)


def test_lines_where_there_is_no_terminal():
    out = io.StringIO()
    view, made = LinesView(out), record(5)
    view.show(made)
    view.show(made, epoch_ended=True)
    view.alarm(made.alarms[0])
    text = out.getvalue()
    assert "\x1b" not in text and "\r" not in text
    assert text.count("gradlab.Watch: step 5, loss 0.2") == 1
    assert "step 3: first NaN" in text
    assert len(block(made, 40, 3)) == 3
    assert all(len(line) <= 40 for line in block(made, 40, 3))


def test_the_widget_packs_one_message_that_the_page_can_read():
    pytest.importorskip("anywidget")
    from gradlab.panel.watch_view import WatchWidget, pack

    data = pack(record(5))
    length = int.from_bytes(data[:4], "little")
    assert length % 4 == 0
    head = json.loads(data[4 : 4 + length])
    assert head["names"] == NAMES and head["steps"] == [1, 2, 3, 4, 5]
    numbers = np.frombuffer(data[4 + length + 768 :], "<f4")
    assert len(numbers) == 5 + 2 * 5 * len(NAMES)
    np.testing.assert_allclose(numbers[:5], [1, 1 / 2, 1 / 3, 1 / 4, 1 / 5], rtol=1e-6)
    widget = WatchWidget()
    widget.record = record(5)
    bundle = widget._repr_mimebundle_()[0]
    assert "image/png" in bundle and "Heatmap of 5 variables" in bundle["text/plain"]
