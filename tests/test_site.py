"""The static site: what it is made of, without a browser. The tiny site itself: `site_pages.py` and `test_site_pages.py`."""

import base64
import errno
import gzip
import io
import json
import math
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gradlab import cli
from gradlab.lab.questions import load_question
from gradlab.site import answers, chunks, compute, links, pages, publish, ready
from gradlab.site import build as building
from gradlab.site.bases import BASES
from gradlab.site.compute import all_names
from gradlab.site.grid import BYTES, CALLS, FEWEST, LEAST, MOST, axes, every, limit, positions, whole
from gradlab.site.lessons import answers_of, lesson, panels_of
from gradlab.site.pack import Base, in_words, pack, stamp, unpack
from gradlab.site.pictures import webp
from gradlab.site.plan import plans
from gradlab.site.sources import Broken, NoCheckout, _linked, read_notebooks


def slider(low, high, start, step, name="steps"):
    return {"name": name, "type": "range", "low": low, "high": high, "step": step, "start": start, "options": []}


def choice(options, name="op"):
    return {
        "name": name,
        "type": "choice",
        "low": 0,
        "high": 0,
        "step": 0,
        "start": options[0],
        "options": list(options),
    }


@pytest.mark.parametrize("most", [1, 2, 7, 30, 144, MOST])
@pytest.mark.parametrize(
    "knobs",
    [[], [slider(1, 12, 6, 1)], [slider(2, 40, 20, 1), slider(0.1, 1.5, 0.5, 0.01, "r"), slider(-4.0, 3.0, 1.0, 0.1, "b")],
     [choice(["round", "floor"]), slider(1, 12, 4, 1), slider(-5.0, 5.0, 0.35, 0.1, "offset")]],
    ids=len,
)  # fmt: skip
def test_a_grid_has_both_ends_the_start_and_every_choice(knobs, most):
    grid = axes(knobs, most)
    assert whole(grid) == np.prod([len(every(k)) for k in knobs], dtype=int)
    for axis, knob in zip(grid, knobs, strict=True):
        values = axis["values"]
        assert knob["start"] in values and values == list(dict.fromkeys(values))
        if knob["type"] == "choice":
            assert values == knob["options"]
        else:
            assert values == sorted(values) and set(values) <= set(every(knob))
            assert len(values) >= min(LEAST, axis["of"])
            assert values[0] == knob["low"] and values[-1] == pytest.approx(knob["high"])
    count = len(positions(grid))
    least = np.prod([len(a["values"]) if k["type"] == "choice" else min(LEAST, a["of"]) for a, k in zip(grid, knobs, strict=True)], dtype=int)  # fmt: skip
    assert count <= max(most, least)
    if whole(grid) <= most:
        assert count == whole(grid)


def scene(norms, sizes=((2, 3), (1, 4))):
    """A scene of the shape that a panel makes, with one tile for each size."""
    tiles, offset = [], 0
    for rows, columns in sizes:
        tiles.append({"name": "w", "entries": [{"rows": rows, "columns": columns, "offset": offset}, {"rows": 9, "columns": 9, "offset": -1}]})  # fmt: skip
        offset += rows * columns
    cells = [{"kind": "ok", "norm": n, "words": f"norm {n:.2e}, shape 2×3", "gap": False, "more": [{"kind": "ok", "norm": n}]} for n in norms]  # fmt: skip
    return {
        "tiles": tiles,
        "length": offset,
        "sides": [{"margin": {"3": {"cells": cells}}}, {"margin": {}}],
        "stamp": 0,
    }


def packed(runs, scenes, base=None):
    grid = [{"name": "steps", "values": list(range(len(runs))), "of": 99}]
    found = [{"scene": s, "data": base64.b64encode(r.tobytes()).decode()} for s, r in zip(scenes, runs, strict=True)]
    return pack("x", {"title": "ü"}, grid, found, {"steps": 3}, {"steps": 0}, base)


def test_what_is_packed_comes_back_bit_for_bit():
    rng = np.random.default_rng(0)
    runs = [rng.standard_normal(10).astype("<f4") for _ in range(3)]
    runs[1][:4] = [np.nan, np.inf, -0.0, 1e-42]
    runs.append(runs[0])  # equal arrays are stored once
    scenes = [scene(rng.uniform(0.001, 1000, 5)), scene([1.125, 0.0]), scene([]), scene([3.0])]
    text = packed(runs, scenes)
    found = unpack(text)
    assert (found["page"], found["trained"], found["start"]) == ({"title": "ü"}, {"steps": 3}, {"steps": 0})
    for run, before, after in zip(runs, scenes, found["positions"], strict=True):
        assert after["data"].tobytes() == run.tobytes()
        assert json.dumps(as_float32(before), sort_keys=True) == json.dumps(as_float32(after["scene"]), sort_keys=True)
    assert len(packed([runs[0]] * 40, [scenes[0]] * 40)) < 1.5 * len(packed(runs[:1], scenes[:1]))
    with pytest.raises(ValueError, match="x: 1 positions do not fill"):
        pack("x", {}, [{"name": "a", "values": [1, 2], "of": 2}], [{"scene": scenes[2], "data": ""}], {}, {})


def test_numbers_that_a_base_has_are_read_from_there():
    rng = np.random.default_rng(1)
    theirs = [rng.standard_normal(10).astype("<f4") for _ in range(8)]
    runs = [theirs[3], rng.standard_normal(10).astype("<f4"), np.concatenate([theirs[0][:6], theirs[5][6:]])]
    scenes = [scene([1.5, 2.5]), scene([2.5]), scene([1.5, 2.5])]
    base = packed(theirs, [scene([1.5, 2.5])] * 8)
    alone, text = packed(runs, scenes), packed(runs, scenes, Base("other", base))
    assert unpack(text, base)["base"] == {"name": "other", "stamp": stamp(base)} and unpack(alone)["base"] is None
    for run, mine, same in zip(runs, unpack(text, base)["positions"], unpack(alone)["positions"], strict=True):
        assert mine["data"].tobytes() == run.tobytes() == same["data"].tobytes() and mine["scene"] == same["scene"]
    assert len(text) < len(alone), "two of three runs are in the base"
    theirs[3][2] *= 1.0001  # the base of another build
    for wrong in (None, packed(theirs, [scene([1.5, 2.5])] * 8)):
        with pytest.raises(ValueError, match="x: needs the data of other that it was packed with"):
            unpack(text, wrong)
    with pytest.raises(ValueError, match="needs the data of other"):
        packed(runs, scenes, Base("x", text))  # a base has no base
    assert not set(BASES) & set(BASES.values()) and set(BASES) | set(BASES.values()) <= set(all_names())


def as_float32(tree):
    """Norms as the site has them: float32, not finite as null."""
    if isinstance(tree, dict):
        return {k: as_float32(v) for k, v in tree.items()}
    if isinstance(tree, list):
        return [as_float32(v) for v in tree]
    if isinstance(tree, float):
        return float(np.float32(tree)) if np.isfinite(tree) else None
    return tree


def test_a_size_is_rounded_as_a_browser_rounds_it():
    assert [in_words(v) for v in (1.125, 0.125, 9.995, 1e-12, 1.5e20)] == ["1.13e+00", "1.25e-01", "9.99e+00", "1.00e-12", "1.50e+20"]  # fmt: skip


def test_a_chunk_is_kept_until_what_it_depends_on_changes(tmp_path, monkeypatch):
    chunk = chunks.chunk_of("rounding", 100, tmp_path)
    assert chunks.chunk_of("rounding", 99, tmp_path).file != chunk.file
    made = {"page": {"knobs": []}, "grid": [{"name": "steps", "values": [1, 2], "of": 9}], "positions": ["a", {"b": 1}]}
    assert chunks.head(chunk) is None and chunks.read(chunk) is None
    with pytest.raises(LookupError, match=r"rounding: the computed positions in .* are gone"):
        plans([chunk])
    chunks.write(chunk, made)
    assert chunks.read(chunk) == made and "positions" not in chunks.head(chunk)
    (plan,) = plans([chunk])
    assert (plan.name, plan.count, plan.whole) == ("rounding", 2, 9)
    chunk.file.write_bytes(chunk.file.read_bytes()[:-4])  # a copy that was cut short
    assert chunks.head(chunk) is None
    chunks.write(chunk, {**made, "positions": ["a"]})  # not all that its grid has
    assert chunks.head(chunk) is None and chunks.read(chunk) is None
    other = chunks.chunk_of("python_if", 100, tmp_path)
    chunks.write(chunk, made)
    chunks.write(other, made)
    monkeypatch.setattr(chunks, "fingerprint", lambda name: "of an edited scenario")
    edited = chunks.chunk_of("rounding", 100, tmp_path)
    assert edited.file != chunk.file
    chunks.sweep(tmp_path, {edited.file})
    assert not chunk.file.exists() and other.file.exists()


def test_a_panel_has_all_its_positions_whatever_one_costs_unless_they_are_too_many(monkeypatch):
    class Costly:
        knobs, data, page = {"steps": 4}, bytes(10**6), {"knobs": [slider(1, 40, 4, 1)]}
        close = lambda self: None  # noqa: E731

    monkeypatch.setattr(compute, "panel_of", lambda name: Costly())
    monkeypatch.setattr(compute, "_once", lambda panel: {})
    monkeypatch.setattr(compute, "_calls", lambda panel: 10**9)
    monkeypatch.setattr(compute, "position", lambda panel, knobs: knobs)
    assert compute.panel_computed("x", 40)["positions"] == [{"steps": steps} for steps in range(1, 41)]
    assert [len(compute.panel_computed("x", most)["positions"]) for most in (39, 9)] == [FEWEST, 9]


def test_a_panel_gets_as_many_positions_as_its_cost_and_its_size_allow():
    found = [limit(calls, 0) for calls in (0, 10_000, 10**5, 10**6, 10**9)]
    assert found == sorted(found, reverse=True) and found[0] == MOST and found[-1] == FEWEST
    assert all(math.isqrt(n) ** 2 == n for n in found)
    assert 10**5 * limit(10**5, 0) <= CALLS < 10**5 * (math.isqrt(limit(10**5, 0)) + 1) ** 2
    assert 60_000 * limit(0, 60_000) <= BYTES < 60_000 * (math.isqrt(limit(0, 60_000)) + 1) ** 2
    assert [limit(10**9, 0, most) for most in (1, 9, 500)] == [1, 9, FEWEST]
    assert limit(10**5, 0, 4 * MOST) > limit(10**5, 0)


def test_the_hash_knows_the_scenario_the_code_and_the_versions(tmp_path, monkeypatch):
    package = tmp_path / "gradlab"
    shutil.copytree(chunks.PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(chunks, "PACKAGE", package)

    def hashes():
        chunks.fingerprint.cache_clear()
        chunks._measuring.cache_clear()
        return chunks.fingerprint("rounding"), chunks.fingerprint("python_if")

    before = hashes()
    (package / "watch" / "__init__.py").write_text("# a room that measures nothing here")
    assert hashes() == before
    (package / "scenarios" / "rounding.py").write_text("# edited")
    edited = hashes()
    assert edited[0] != before[0] and edited[1] == before[1]
    (package / "questions" / "python_if.yaml").write_text("# edited")
    assert hashes()[0] == edited[0] and hashes()[1] != edited[1]
    (package / "lab" / "measure.py").write_text("# edited")
    assert hashes()[1] != before[1]
    monkeypatch.setattr(chunks, "_version", lambda name: "another")
    other = hashes()
    assert other[1] not in (before[1], edited[1])
    monkeypatch.undo()
    chunks.fingerprint.cache_clear()
    chunks._measuring.cache_clear()


@pytest.fixture
def made(tmp_path):
    folder = tmp_path / "html"
    (folder / "_static").mkdir(parents=True)
    (folder / "index.html").write_text("new")
    (folder / "_static" / "a.js.map").write_text("left out")
    return folder


def test_a_site_takes_the_place_of_the_old_one_whole(made, tmp_path):
    target = tmp_path / "site"
    assert publish.publish(made, target) == (3, 1)
    assert {p.name for p in target.iterdir()} == {"index.html", publish.MARK, ".nojekyll"}
    (target / "old.html").write_text("of the site before")
    publish.claim(target)
    publish.publish(made, target)
    assert not (target / "old.html").exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["html", "site"], "nothing is left beside it"
    publish.zipped(target, tmp_path / "a.zip")
    publish.zipped(target, tmp_path / "b.zip")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_a_full_disk_leaves_the_old_site(made, tmp_path, monkeypatch):
    target = tmp_path / "site"
    publish.publish(made, target)
    (target / "index.html").write_text("the last good one")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(publish.shutil, "copyfile", full)
        with pytest.raises(OSError, match="No space left"):
            publish.publish(made, target)
    with monkeypatch.context() as patch:
        patch.setattr(publish.zipfile.ZipFile, "writestr", full)
        with pytest.raises(OSError, match="No space left"):
            publish.zipped(target, tmp_path / "site.zip")
    assert (target / "index.html").read_text() == "the last good one"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["html", "site"]


def test_somebodys_folder_and_an_unwritable_one_are_told_at_once(tmp_path, capsys, monkeypatch):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("years")
    (tmp_path / "file").write_text("")
    for target, words in (("mine", "was not made by gradlab site"), ("file", "is a file"), ("file/site", "file")):
        assert cli.main(["site", str(tmp_path / target), "--cache", str(tmp_path / "cache")]) == 2
        assert words in capsys.readouterr().out
    assert (tmp_path / "mine" / "thesis.tex").read_text() == "years"
    assert not (tmp_path / "cache").exists(), "nothing was computed before"
    assert cli.main(["site", str(tmp_path / "site"), "--root", str(tmp_path)]) == 2
    assert "has no notebooks" in capsys.readouterr().out
    with pytest.raises(NoCheckout):
        read_notebooks(tmp_path)
    assert cli.main(["export", "no_such", str(tmp_path / "x.html")]) == 2
    assert "there is no scenario 'no_such'" in capsys.readouterr().out


def html_of(cell):
    return cell["outputs"][0]["data"]["text/html"]


def test_a_lesson_has_its_panels_and_says_what_its_pictures_show():
    source = 'gradlab.Panel("rounding", bug=bug, predict=True, steps=3)'
    cell = lambda source, **data: {"cell_type": "code", "metadata": {}, "source": source, "outputs": [{"output_type": "display_data", "data": data, "metadata": {}}]}  # noqa: E731  # fmt: skip
    drawn, out = np.arange(36, dtype=np.uint8).reshape(4, 3, 3), io.BytesIO()
    Image.fromarray(drawn).save(out, "PNG")
    png = base64.b64encode(out.getvalue()).decode()
    notebook = {"cells": [{"cell_type": "markdown", "metadata": {}, "source": "# T"},
                          cell(source, **{"text/plain": "Panel(rounding, bug=True)\noff: <b>", "image/png": png}),
                          cell("plot", **{"text/plain": 'A "curve"', "image/png": png})]}  # fmt: skip
    text, pictures = lesson("02_x", notebook)
    cells = json.loads(text)["cells"]
    html = html_of(cells[2])
    for part in (
        'data-panel="rounding"',
        'data-bug="1"',
        'data-predict="1"',
        "{&quot;steps&quot;: 3}",
        "off: &lt;b&gt;",
    ):
        assert part in html
    assert 'alt="A &quot;curve&quot;"' in html_of(cells[3])
    assert panels_of(notebook) == ["rounding"]
    ((name, shown),) = pictures.items()
    assert name in html_of(cells[3]) and name.endswith(".webp")
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(shown)).convert("RGB")), drawn), "pixel for pixel"
    with pytest.raises(OSError, match=r"the picture of a curve is no PNG, or damaged: 3 bytes"):
        webp(b"png", "a curve")


def test_a_lesson_does_not_say_how_to_run_cells_and_folds_how_they_begin():
    first = "# 2. Title\n\nWhat it is about.\n\nRun the cells from top to bottom with Shift+Enter.\nNothing breaks.\n\n## 1. More"

    def code(source, *tags):
        return {"cell_type": "code", "metadata": {"tags": list(tags)}, "source": source, "outputs": []}

    starts = {**code("import gradlab\n\ngradlab.start(keras=keras)"), "outputs": [{"output_type": "stream", "name": "stdout", "text": "on CPU"}]}  # fmt: skip
    cells = [{"cell_type": "markdown", "metadata": {}, "source": first}, code("keras = 3", "parameters"), starts, code("x = 1")]  # fmt: skip
    title, _, begin, after, _ = json.loads(lesson("02_x", {"cells": cells})[0])["cells"]
    assert title["source"] == "# 2. Title\n\nWhat it is about.\n\n## 1. More"
    assert begin["source"] == "keras = 3\n\nimport gradlab\n\ngradlab.start(keras=keras)"
    assert "hide-cell" in begin["metadata"]["tags"] and begin["outputs"] == starts["outputs"]
    assert after["source"] == "x = 1"


def test_a_scenario_in_a_table_is_a_link_to_its_page(tmp_path):
    found = {"docs/scenarios.md": "| `rounding` | a |\n| `unknown` | `rounding` |", "scenarios/rounding.md": "# R"}
    assert _linked("docs/scenarios.md", found["docs/scenarios.md"], found, tmp_path) == (
        "| [`rounding`](../scenarios/rounding.md) | a |\n| `unknown` | `rounding` |"
    )


def test_a_lesson_has_the_answers_that_its_notebook_lets_one_try():
    cell = {"cell_type": "code", "metadata": {}, "source": "TryAnswers(_eight_lines.ANSWERS)", "outputs": [{"output_type": "execute_result", "data": {"text/plain": "3 answers to try, by a click"}, "metadata": {}}]}  # fmt: skip
    notebook = {"cells": [{"cell_type": "markdown", "metadata": {}, "source": "# T"}, cell]}
    assert answers_of(notebook) == [("_eight_lines", "ANSWERS")]
    shown = answers.element([{"answer": "A. <b>", "words": "A. 3 of 3", "html": "<table></table>"}])
    text, _ = lesson("00_x", notebook, {("_eight_lines", "ANSWERS"): shown})
    html = json.loads(text)["cells"][2]["outputs"][0]["data"]["text/html"]
    assert "<summary>A. &lt;b&gt;</summary><p>A. 3 of 3</p><table></table>" in html


def test_links_are_written_once_and_replaced(tmp_path, capsys):
    (tmp_path / "notebooks").mkdir()
    script = tmp_path / "notebooks" / "00_start_here.py"
    script.write_text("# %% [markdown]\n# # Start\n# text\n\n# %%\nimport gradlab\n")
    (tmp_path / "README.md").write_text("# gradlab\n\ntext\n")
    assert cli.main(["links", "ada/lab", "--root", str(tmp_path), "--no-check"]) == 0
    assert "2 files changed" in capsys.readouterr().out
    first = script.read_text()
    assert "github.com" not in first.partition("# # Start")[0] and "ada/lab/main?labpath" in first
    assert all(line.startswith("#") for line in first.partition("\n\n")[0].splitlines())
    assert cli.main(["links", "ada/lab", "--root", str(tmp_path), "--no-check"]) == 0
    assert "0 files changed" in capsys.readouterr().out
    links.rewrite(tmp_path, "bob/lab")
    assert "ada" not in script.read_text() + (tmp_path / "README.md").read_text()
    assert script.read_text().count("bob/lab") == first.count("ada/lab")
    assert cli.main(["links", "no repository", "--root", str(tmp_path)]) == 2


def test_a_damaged_panel_says_so_in_python_too():
    with pytest.raises((gzip.BadGzipFile, EOFError, ValueError)):
        unpack(packed([np.zeros(10, "<f4")], [scene([1.0])])[:-30])


def test_a_claim_to_vote_on_is_a_panel_that_asks_first():
    claims = '<details data-claim="python_list"><summary>It&#x27;s `a &lt; b`</summary><pre>code</pre></details>'
    data = {"text/plain": "1 claims to vote on: python_list", "text/html": claims * 2}
    cell = {"cell_type": "code", "source": "votes", "metadata": {}, "outputs": [{"output_type": "display_data", "data": data}]}  # fmt: skip
    notebook = {"cells": [{"cell_type": "markdown", "source": "# T", "metadata": {}}, cell]}
    text, _ = lesson("11_x", notebook)
    html = json.loads(text)["cells"][2]["outputs"][0]["data"]["text/html"]
    assert html.count('data-panel="python_list"') == 2 and html.count('data-predict="1"') == 2
    assert "<summary>It's <code>a &lt; b</code></summary>" in html and "<pre>code</pre>" not in html
    assert html.count("A popular answer says otherwise") == 2, "the sentence is not the claim of the panel"
    assert panels_of(notebook) == ["python_list"]


def test_what_was_measured_comes_from_the_whole_notebook_folded(tmp_path):
    def cell(source, text="", *tags):
        outputs = [{"output_type": "stream", "name": "stdout", "text": text}] if text else []
        return {
            "cell_type": "code",
            "id": source,
            "metadata": {"tags": list(tags)},
            "source": source,
            "outputs": outputs,
        }

    title = {"cell_type": "markdown", "id": "t", "metadata": {}, "source": "# 1. Title"}
    predict = {"cell_type": "markdown", "id": "p", "metadata": {}, "source": "Text.\n\n**Predict.** What?"}
    learner = {
        "cells": [title, cell("after", "", "after"), predict, cell("mine"), cell("train", "0.5"), cell("plain", "1")]
    }
    whole = {"cells": [title, cell("after", "measured", "after")]}
    (tmp_path / "notebooks/solutions").mkdir(parents=True)
    (tmp_path / "docs").mkdir()
    (tmp_path / "notebooks/01_x.ipynb").write_text(json.dumps(learner))
    with pytest.raises(Broken, match=r"solutions/01_x\.ipynb is needed .* gradlab render notebooks/01_x\.py"):
        read_notebooks(tmp_path)
    (tmp_path / "notebooks/solutions/01_x.ipynb").write_text(json.dumps(whole))
    cells = {c["id"]: c for c in json.loads(lesson("01_x", read_notebooks(tmp_path)["01_x"])[0])["cells"]}
    assert cells["after"]["outputs"][0]["text"] == "measured"
    folded = {name for name, c in cells.items() if "hide-output" in c["metadata"].get("tags", [])}
    assert folded == {"after", "train"}


def test_questions_stand_in_the_order_of_the_notebooks(tmp_path):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks/01_a.py").write_text("# <!-- question: rounding -->\n# <!-- question: integer_cast -->\n")
    asked = [load_question(name) for name in ("integer_cast", "python_list", "rounding", "two_targets")]
    found = ready.by_lesson(asked, ["01_a", "02_b"], {"python_list": "02_b"}, tmp_path)
    keys = {stem: [question.key for question in some] for stem, some in found.items()}
    assert keys == {"01_a": ["rounding", "integer_cast"], "02_b": ["python_list"], "": ["two_targets"]}


def test_the_site_says_where_the_project_is_or_that_it_does_not_know(tmp_path):
    readme = tmp_path / "README.md"
    assert "without the address" in pages.where(tmp_path)
    readme.write_text("# gradlab\n\ntext\n")
    assert "without the address" in pages.where(tmp_path)
    links.rewrite(tmp_path, "ada/lab")
    assert "The project is at <https://github.com/ada/lab>." in pages.where(tmp_path)


def test_the_doctor_is_shown_a_program_of_a_user(tmp_path, monkeypatch):
    """A file inside of gradlab is no user's: the report would name no line of it."""
    ran = []

    def run(command, cwd, **_):
        ran.append((command[-1], cwd))
        return subprocess.CompletedProcess(command, 0, f"{cwd}/{command[-1]}:8", "")

    monkeypatch.setattr(building.subprocess, "run", run)
    reports = building.none_reports(tmp_path)
    assert ran and all(not Path(cwd).is_relative_to(chunks.PACKAGE) for _, cwd in ran)
    assert {report for _, report in reports.values()} == {f"{name}.py:8" for name in reports}
