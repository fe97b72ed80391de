"""The panel in hosts other than JupyterLab: ipywidgets' html-manager (the contract of Colab and VS Code), Voilà, marimo.

Voilà and marimo are started as a teacher starts them, and driven by a real browser: weekly, for each needs ten seconds and
more. `make test-all` installs them, and from npm the html-manager, whose test runs wherever it is.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import anywidget
import nbformat
import pytest
from browser import FLAGS, executable, free_port
from playwright.sync_api import expect

import gradlab

ROOT = Path(__file__).parents[1]
NPM = ROOT / "node_modules"
MANAGER, REQUIRE = NPM / "@jupyter-widgets/html-manager/dist/embed-amd.js", NPM / "requirejs/require.js"
WIDGET = Path(anywidget.__file__).parent / "nbextension/index.js"
CDN = "https://cdn.jsdelivr.net/npm/"
SCENARIO = "integer_cast"
PATIENCE = 120_000  # milliseconds: a host starts a kernel, and that loads TensorFlow on a machine that is busy

pytestmark = [
    pytest.mark.xdist_group("browser"),
    pytest.mark.skipif(
        executable() is None and os.environ.get("CI") != "true", reason="NO CHROMIUM FOUND: NO OTHER HOST WAS TRIED"
    ),
]


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser):
    context = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    page = context.new_page()
    page.complaints = []
    page.on("console", lambda m: page.complaints.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda e: page.complaints.append(str(e)))
    yield page
    context.close()


def drawn_as(panel, live, position):
    """Hold what a host draws against a panel of this process: each heatmap's words, its largest number, and that it has
    colours. A tile that is drawn "not finite" by mistake has a hatch of two colours."""
    tiles = live.scene["tiles"]
    expect(panel.locator(".gl-tiles canvas")).to_have_count(len(tiles))
    for canvas, tile in zip(panel.locator(".gl-tiles canvas").all(), tiles, strict=True):
        entry = tile["entries"][position]
        expect(canvas).to_have_attribute("data-kind", entry["kind"])
        expect(canvas).to_have_attribute(
            "aria-label", re.compile(re.escape(f"{tile['name']}, {entry['size']}: {entry['word']}"))
        )
        if entry["offset"] < 0:
            continue
        expect(canvas).to_have_attribute("aria-label", re.compile(re.escape(f"largest {entry['largest'] or 'none'};")))
        numbers = entry["rows"] * entry["columns"]
        if entry["kind"] == "ok" and numbers > 3:
            assert colours(canvas) > 3, f"{tile['name']} is drawn without its numbers"


def colours(canvas):
    return canvas.evaluate("""(c) => { const d = c.getContext("2d").getImageData(0, 0, c.width, c.height).data, seen = new Set();
        for (let i = 0; i < d.length; i += 4) seen.add(d[i] * 65536 + d[i + 1] * 256 + d[i + 2]); return seen.size; }""")


def driven(panel, live):
    """Switch, knob and training of a panel that has a kernel, each held against a panel of this process."""
    expect(panel).to_be_visible(timeout=PATIENCE)
    drawn_as(panel, live, 0)
    panel.locator(".gl-switch input").nth(1).check()
    drawn_as(panel, live, 1)
    slider = panel.get_by_role("slider", name="units")
    slider.press("End")
    live.turn(units=int(slider.input_value()))
    expect(panel.locator(".gl-tiles canvas").first).to_have_attribute(
        "aria-label", re.compile(re.escape(live.scene["tiles"][0]["entries"][1]["size"])), timeout=PATIENCE
    )
    drawn_as(panel, live, 1)
    panel.get_by_role("button", name=re.compile("^Train ")).click()
    expect(panel.locator(".gl-curves")).to_be_visible(timeout=PATIENCE)


@contextlib.contextmanager
def served(command, address, folder):
    """A host's server, until it answers and to the end, by its process id."""
    environment = {**os.environ, "HOME": str(folder), "JUPYTER_RUNTIME_DIR": str(folder / "runtime")}
    environment.pop("GRADLAB_STRICT", None)
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    log = folder / "host.log"
    with open(log, "w") as out:
        server = subprocess.Popen(
            command, env=environment, cwd=folder, stdout=out, stderr=out, stdin=subprocess.DEVNULL
        )
    try:
        for _ in range(240):
            if server.poll() is not None:
                raise RuntimeError(f"{command} ended:\n{log.read_text()[-3000:]}")
            try:
                urllib.request.urlopen(address, timeout=2).close()
                break
            except urllib.error.HTTPError:
                break  # it answers, and has nothing at this address
            except OSError:
                time.sleep(0.5)
        else:
            raise TimeoutError(f"{command} did not answer within two minutes:\n{log.read_text()[-3000:]}")
        yield
    finally:
        server.terminate()
        server.wait(timeout=30)


def test_the_html_manager_draws_and_flips_a_panel(page):
    """What Colab and VS Code do: the page's widget manager asks a CDN for the file of anywidget, by this very address.

    The CDN is answered from the files that are installed; whatever else is asked for is a failure.
    """
    if not (MANAGER.is_file() and REQUIRE.is_file()):
        pytest.skip("NO html-manager (make test-all installs it): THE CONTRACT OF COLAB AND VS CODE WAS NOT TRIED")
    from ipywidgets.embed import dependency_state, embed_snippet

    live = gradlab.Panel(SCENARIO)
    state = dependency_state([live], drop_defaults=False)
    assert {one["model_module"] for one in state.values()} == {"anywidget", "@jupyter-widgets/base"}
    major = re.match(r"\d+\.\d+", anywidget.__version__)[0]
    asked = f"anywidget@~{major}.*/dist/index.js"
    files = {"require.js": REQUIRE, "embed-amd.js": MANAGER, asked: WIDGET}
    left = []

    def answer(route):
        name = route.request.url.removeprefix(CDN)
        if name == "page.html":
            snippet = embed_snippet([live], state=state, requirejs=False, embed_url=f"{CDN}embed-amd.js", cors=False)
            body = (
                f'<!doctype html><html lang="en"><body><script src="{CDN}require.js"></script>{snippet}</body></html>'
            )
            route.fulfill(body=body, content_type="text/html")
        elif name in files:
            left.append(name)
            route.fulfill(body=files[name].read_bytes(), content_type="text/javascript")
        elif name.endswith("favicon.ico"):
            route.fulfill(status=204)
        else:
            left.append(name)
            route.abort()

    page.route("**/*", answer)
    page.goto(f"{CDN}page.html")
    panel = page.locator(".gl")
    expect(panel).to_be_visible(timeout=PATIENCE)
    drawn_as(panel, live, 0)
    panel.locator(".gl-switch input").nth(1).check()
    drawn_as(panel, live, 1)
    # It looks beside the page first, where a notebook server would have the file.
    assert sorted(left) == sorted([*files, "anywidget.js"])
    assert [c for c in page.complaints if "anywidget" not in c and "ERR_FAILED" not in c] == []
    live.close()


@pytest.mark.weekly
def test_voila_shows_a_notebook_and_its_panel_works(page, tmp_path):
    if importlib.util.find_spec("voila") is None:
        pytest.skip("VOILÀ IS NOT INSTALLED (pip install voila): IT WAS NOT DRIVEN")
    cells = ["import gradlab\ngradlab.start()", f'gradlab.Panel("{SCENARIO}")']
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    (tmp_path / "lesson.ipynb").write_text(json.dumps(notebook))
    port = free_port()
    command = [sys.executable, "-m", "voila", "lesson.ipynb", "--no-browser", f"--port={port}", "--strip_sources=True"]
    live = gradlab.Panel(SCENARIO)
    # Waited for at an address that has nothing: each visit of the page starts a kernel.
    with served(command, f"http://127.0.0.1:{port}/voila/static/nothing", tmp_path):
        page.goto(f"http://127.0.0.1:{port}/", timeout=PATIENCE)
        driven(page.locator(".gl"), live)
        assert not page.locator("div.input_area").count(), "the sources are stripped"
    live.close()


@pytest.mark.weekly
def test_marimo_draws_what_was_measured_and_answers(page, tmp_path):
    """marimo delivers traits one by one, in its own order: nothing may be drawn until numbers and scene fit."""
    if importlib.util.find_spec("marimo") is None:
        pytest.skip("marimo IS NOT INSTALLED (pip install marimo): IT WAS NOT DRIVEN")
    (tmp_path / "app.py").write_text(
        "import marimo\n\napp = marimo.App()\n\n\n@app.cell\ndef _():\n    import marimo as mo\n\n    import gradlab\n\n"
        f'    view = mo.ui.anywidget(gradlab.Panel("{SCENARIO}"))\n    view\n    return\n\n\n'
        'if __name__ == "__main__":\n    app.run()\n'
    )
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "marimo",
        "run",
        "app.py",
        "--headless",
        "--no-token",
        f"--port={port}",
        "--host=127.0.0.1",
    ]
    live = gradlab.Panel(SCENARIO)
    with served(command, f"http://127.0.0.1:{port}/health", tmp_path):
        page.goto(f"http://127.0.0.1:{port}/", timeout=PATIENCE)
        driven(page.locator(".gl"), live)
    live.close()
