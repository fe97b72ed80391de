"""What goes wrong while a site is built: a clear sentence, exit status 2, and the last good site is left as it is.

Nothing is measured here: the panel's positions are made up, and Sphinx is a function that writes one page.
"""

from __future__ import annotations

import base64
import errno
import json
from pathlib import Path

import numpy as np
import pytest

from gradlab import cli
from gradlab.site import build as building
from gradlab.site import chunks, farm, sources
from gradlab.site.pages import HOME
from gradlab.site.plan import chunks as chunks_of
from gradlab.site.publish import MARK

ROOT = Path(__file__).resolve().parent.parent
STEM = "19_made_up"
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="


def notebook(panel=HOME):
    output = {
        "output_type": "display_data",
        "metadata": {},
        "data": {"text/plain": f"Panel({panel}, bug=False)\nwords"},
    }
    return {
        "cells": [
            {"cell_type": "markdown", "id": "a", "metadata": {}, "source": "# A page"},
            {
                "cell_type": "code",
                "id": "b",
                "metadata": {},
                "source": f'gradlab.Panel("{panel}")',
                "outputs": [output],
            },
        ],
        "metadata": {},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


@pytest.fixture
def root(tmp_path):
    """A checkout with one notebook."""
    (tmp_path / "root/notebooks").mkdir(parents=True)
    (tmp_path / "root/docs").mkdir()
    (tmp_path / "root/notebooks" / f"{STEM}.ipynb").write_text(json.dumps(notebook()))
    return tmp_path / "root"


@pytest.fixture
def site(tmp_path, root, monkeypatch):
    """(the folder of a good site, a call that builds it again): every step of a build but TensorFlow's and Sphinx's."""
    target, cache = tmp_path / "site", tmp_path / "cache"

    def page(cache):
        (cache / "html").mkdir(exist_ok=True)
        (cache / "html/index.html").write_text("the page")

    monkeypatch.setattr(building, "sphinx", page)
    numbers = base64.b64encode(np.ones(2, "<f4").tobytes()).decode()
    scene = {"tiles": [{"name": "w", "entries": [{"rows": 1, "columns": 2, "offset": 0}]}], "length": 2, "sides": []}
    made = {"page": {"knobs": []}, "grid": [], "trained": {}, "picture": {"png": PIXEL, "words": "words"}}

    def computed():
        (chunk,) = chunks_of([HOME], cache)
        chunk.file.parent.mkdir(parents=True, exist_ok=True)
        chunks.write(chunk, {**made, "positions": [{"scene": scene, "data": numbers}]})

    def again(*more):
        return cli.main(["site", str(target), "--root", str(root), "--cache", str(cache), "--notebook", STEM, "--no-reference", *more])  # fmt: skip

    computed()
    assert again() == 0
    (target / "index.html").write_text("the last good one")
    again.computed = computed
    return target, again


def still_good(target):
    assert (target / "index.html").read_text() == "the last good one" and (target / MARK).is_file()
    assert sorted(p.name for p in target.parent.iterdir()) == ["cache", "root", "site"], "nothing is left beside it"


def test_a_build_replaces_the_site(site, capsys):
    target, again = site
    assert again("--zip", str(target.parent / "cache/site.zip")) == 0
    assert (target / "index.html").read_text() == "the page"
    assert "1 of 1 positions" in capsys.readouterr().out


@pytest.mark.parametrize("what", [errno.ENOSPC, errno.EROFS], ids=["full", "read-only"])
@pytest.mark.parametrize("where", ["positions", "packed", "source", "html", "site", "zip"])
def test_a_disk_that_takes_nothing_is_told_and_costs_nothing(site, capsys, monkeypatch, where, what):
    """At each step that writes. The error is the system's, raised where Python would raise it."""
    target, again = site
    cache = target.parent / "cache"
    said = OSError(what, "No space left on device" if what == errno.ENOSPC else "Read-only file system")

    def refuse(original, folder):
        def writes(path, *args, **kwargs):
            if folder in Path(path).parts or any(part.startswith(folder) for part in Path(path).parts):
                raise OSError(said.errno, said.strerror, str(path))
            return original(path, *args, **kwargs)

        return writes

    if where == "positions":  # a worker's error comes back as it is
        next((cache / "positions").glob("*.gz")).unlink()
        monkeypatch.setattr(building.farm, "compute", lambda *_: (_ for _ in ()).throw(said))
    elif where == "html":
        monkeypatch.setattr(
            building,
            "sphinx",
            lambda cache: (_ for _ in ()).throw(building.SphinxFailed(f"Sphinx made no clean site:\n{said}")),
        )
        (cache / "pages.sha256").unlink()
    elif where == "site":
        copy = building.publish.__globals__["shutil"].copyfile
        monkeypatch.setattr(
            building.publish.__globals__["shutil"], "copyfile", lambda a, b: refuse(copy, ".site.new")(b) or copy(a, b)
        )
    elif where == "zip":
        monkeypatch.setattr(building, "zipped", lambda *_: (_ for _ in ()).throw(said))
    else:
        for old in (cache / where).rglob("*.*"):
            if old.is_file():
                old.unlink()
        for name in ("write_text", "write_bytes"):
            monkeypatch.setattr(Path, name, refuse(getattr(Path, name), where))
    status = again(*(["--zip", str(cache / "site.zip")] if where == "zip" else []))
    out = capsys.readouterr().out
    assert status == 2 and said.strerror in out
    if where == "zip":  # the pages are whole by then: they are the new ones
        assert f"{target} is new and whole" in out and "as it was" not in out
        assert (target / "index.html").read_text() == "the page"
    else:
        assert f"The site in {target} is as it was." in out
        still_good(target)
    monkeypatch.undo()


def test_a_folder_that_cannot_be_written_is_told_before_anything_is_computed(tmp_path, root, capsys):
    """Really read-only, for an administrator too: the system's own folder of processes."""
    if not Path("/proc/self").is_dir():
        pytest.skip("this system has no folder that nobody can write to")
    assert cli.main(["site", "/proc/gradlab-site", "--root", str(root), "--cache", str(tmp_path / "cache")]) == 2
    assert "/proc" in capsys.readouterr().out and not (tmp_path / "cache").exists()


def test_a_notebook_that_is_cut_short_is_named(site, root, capsys):
    target, again = site
    file = root / "notebooks" / f"{STEM}.ipynb"
    text = file.read_text()
    for broken in (text[:-20], "[1, 2]", '{"cells": 3}'):
        file.write_text(broken)
        assert again() == 2
        out = capsys.readouterr().out
        assert f"{STEM}.ipynb is no notebook" in out and "gradlab render" in out and "is as it was" in out
        still_good(target)


def test_a_panel_without_its_scenario_is_named(site, root, capsys):
    target, again = site
    (root / "notebooks" / f"{STEM}.ipynb").write_text(json.dumps(notebook("a_lost_one")))
    assert again() == 2
    out = capsys.readouterr().out
    assert f"notebooks/{STEM}.ipynb shows the panel a_lost_one" in out and "gradlab/scenarios/a_lost_one.py" in out
    still_good(target)


def test_a_scenario_file_that_is_gone_is_named(site, capsys, monkeypatch):
    """Between the list of the scenarios and the look into one."""
    target, again = site
    chunks.fingerprint.cache_clear()
    monkeypatch.setattr(chunks, "_measuring", lambda: "")
    monkeypatch.setattr(chunks, "PACKAGE", target.parent / "nowhere")
    assert again() == 2
    out = capsys.readouterr().out
    assert f"scenarios/{HOME}.py" in out and "is as it was" in out
    still_good(target)
    chunks.fingerprint.cache_clear()


def test_damaged_positions_are_computed_again(site, monkeypatch):
    target, again = site
    (file,) = (target.parent / "cache/positions").glob("*.gz")
    file.write_bytes(file.read_bytes()[:-9])
    asked = []

    def compute(wanted, jobs, say):
        asked.extend(chunk.name for chunk in wanted if chunks.head(chunk) is None)
        again.computed()
        return farm.Cost(computed=1)

    monkeypatch.setattr(building.farm, "compute", compute)
    assert again() == 0
    assert asked == [HOME]


def test_a_damaged_notebook_raises_its_own_error(root):
    (root / "notebooks" / f"{STEM}.ipynb").write_text("{")
    with pytest.raises(sources.Broken, match="no notebook"):
        sources.read_notebooks(root)
