"""Every panel of every notebook in JupyterLab and in Notebook 7, as a reader uses it: mouse, keys, knobs, training.

`make test` runs a sample; the whole is weekly. One server and one browser for all of it.
"""

import contextlib
import os
import shutil
from pathlib import Path

import nbformat
import pytest
from browser import browser, executable, lab, open_notebook, run_all
from playwright.sync_api import TimeoutError, expect

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
NAMES = sorted(p.stem for p in NOTEBOOKS.glob("*.ipynb"))
LAPTOP = {"width": 1366, "height": 768}
PATIENCE = 300_000  # milliseconds for a notebook to run, on a machine that has other things to do
SAMPLE = [("lab", "04_timestep_jacobian"), ("notebooks", "07_written_state")]
ALL = [(front, name) for front in ("lab", "notebooks") for name in NAMES if (front, name) not in SAMPLE]

pytestmark = [
    pytest.mark.xdist_group("browser"),
    pytest.mark.skipif(
        executable() is None and os.environ.get("CI") != "true",
        reason="NO CHROMIUM FOUND: NO NOTEBOOK WAS TRIED IN A BROWSER",
    ),
]


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    assert executable(), "there is no Chromium, and CI=true says that there has to be one"
    home, work = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("work")
    for path in [
        *NOTEBOOKS.glob("*.ipynb"),
        *NOTEBOOKS.glob("*.py"),
        *NOTEBOOKS.glob("*.json"),
    ]:  # the first page reads them
        shutil.copy(path, work)
    cells = [
        'import gradlab\ngradlab.start()\ngradlab.Panel("integer_cast")',
        'gradlab.Panel("integer_cast", bug=True)',
    ]
    cells += [
        "import keras, numpy\nmodel = keras.Sequential([keras.Input((5, 2)), keras.layers.LSTM(3)])\n"
        'gradlab.through_time(model, numpy.ones((2, 5, 2), "float32"))'
    ]
    cells += ["import os\nif os.path.exists('kill'): os.kill(os.getpid(), 9)"]
    two = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
    two.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(two, work / "two.ipynb")
    with lab(work, home, start=False) as address, browser(tmp_path_factory.mktemp("browser")) as page:
        page.address, page.work = address, work
        page.set_viewport_size(LAPTOP)
        yield page


def run(page, front, name):
    """Open a notebook, run all of it, and wait until its kernel has nothing left to do."""
    page.complaints.clear()
    if front == "lab":
        run_all(page, page.address, f"{name}.ipynb")
    else:
        page.goto(f"{page.address}/notebooks/{name}.ipynb")
        page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]").first.wait_for(timeout=120_000)
        for _ in range(6):  # what is asked before the kernel is connected is not run: ask again
            page.get_by_role("menuitem", name="Run", exact=True).click()
            page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
            with contextlib.suppress(TimeoutError):
                page.locator(".jp-Notebook-ExecutionIndicator[data-status=busy]").first.wait_for(timeout=5000)
                break
    page.wait_for_function(
        "() => [...document.querySelectorAll('.jp-CodeCell')].filter(c => c.querySelector('.cm-line')?.textContent.trim())"
        ".every(c => /\\[\\d+\\]/.test(c.querySelector('.jp-InputPrompt').textContent))",
        timeout=PATIENCE,
    )
    assert page.locator("[data-mime-type='application/vnd.jupyter.error']").count() == 0
    # The last panels are made a little after their cells have run.
    expect(page.locator(".jp-OutputArea-output").get_by_text("Loading widget...", exact=True)).to_have_count(0)
    return page.locator(".gradlab-panel")


def switches(page):
    return page.locator(".gradlab-panel").evaluate_all(
        "all => all.map(p => [...p.querySelectorAll('.gl-switch input')].map(i => Number(i.checked)).join(''))"
    )


def tiles(panel):
    """{name of a source: (alternative text, pixels)} as they are now, once nothing slides any more."""
    panel.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    panel.page.wait_for_timeout(550 if panel.locator("figure .gl-axis-rows:not(:empty)").count() else 50)
    found = panel.locator("figure.gl-tile").evaluate_all(
        "all => all.map(f => { const c = f.querySelector('canvas'); return [f.querySelector('.gl-name').textContent, c.getAttribute('aria-label'), c.toDataURL(), c.dataset.kind]; })"
    )
    for name, words, _, kind in found:
        assert words.startswith(("Gradient of the loss", "On minus off")) and "Arrow keys" in words, name
        assert kind in ("ok", "wrong", "zero", "not finite", "none", "missing", "raises", "empty")
    return {name: (words, pixels) for name, words, pixels, _ in found}


def differing(now, before):
    """What of two `tiles` is not alike: the names, with both texts, or "pixels" where these are the same."""
    names = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    texts = {name: (before.get(name, ("no tile",))[0], now.get(name, ("no tile",))[0]) for name in names}
    return {name: "pixels" if old == new else (old, new) for name, (old, new) in texts.items()}


def settled(panel):
    """Wait until nothing that was asked for is pending."""
    panel.page.wait_for_function(
        "p => !p.querySelector('.gl-code.gl-stale') && p.querySelector('.gl-body').getAttribute('aria-busy') === 'false'"
        " && !/^Training:/.test([...p.querySelectorAll('.gl-foot > .gl-button')].map(b => b.textContent).join())",
        arg=panel.element_handle(),
        timeout=120_000,
    )


def flip(panel, position, key=None):
    choice = panel.locator(".gl-switch input").nth(position)
    if key:
        panel.locator(".gl-switch input:checked").focus()
        panel.page.keyboard.press(key)
    else:
        choice.click()
    expect(panel.locator(".gl")).to_have_attribute("data-position", str(position))


def predict(panel):
    """Lock a prediction in, where the panel asks for one."""
    for choice in panel.locator(".gl-predict select").all():
        choice.select_option("none")
    if panel.locator(".gl-letters input").count():
        panel.locator(".gl-letters input").first.click()
    if panel.get_by_role("button", name="Lock in").count():
        panel.get_by_role("button", name="Lock in").click()


def turn(panel, knob, key):
    knob.focus()
    panel.page.keyboard.press(key)
    panel.page.wait_for_timeout(150)
    settled(panel)


def try_panel(page, i):
    panel = page.locator(".gradlab-panel").nth(i)
    panel.scroll_into_view_if_needed()
    panel.locator("figure canvas[data-kind]").first.wait_for(timeout=60_000)
    settled(panel)
    predict(panel)
    height = panel.bounding_box()["height"]
    scale = panel.locator(".gl-bar").get_attribute("aria-label")
    others = switches(page)
    first = int(panel.locator(".gl").get_attribute("data-position"))

    def same(what):
        assert abs(panel.bounding_box()["height"] - height) < 1, f"{what} changed the height of the panel"
        assert panel.locator(".gl-bar").get_attribute("aria-label") == scale, f"{what} changed the scale"
        now = switches(page)
        assert all(s in ("01", "10") for s in now)
        assert [s for j, s in enumerate(now) if j != i] == [s for j, s in enumerate(others) if j != i], what

    flip(panel, 1 - first)  # once before, so that what is told from now on does not depend on what was seen
    settled(panel)
    seen = {1 - first: tiles(panel)}
    same("a flip by mouse")
    flip(panel, first, "ArrowDown" if first == 0 else "ArrowUp")
    seen[first] = tiles(panel)
    same("a flip by key")
    flip(panel, 1 - first, "ArrowUp" if first == 1 else "ArrowDown")
    assert not differing(tiles(panel), seen[1 - first]), "the same position, the same picture"
    flip(panel, first)
    assert not differing(tiles(panel), seen[first]), "there and back"
    for knob in panel.get_by_role("slider").all():
        name = knob.get_attribute("aria-label")
        for key in ("End", "Home"):
            turn(panel, knob, key)
            same(f"{name} to its {key}")
            for tile, (words, pixels) in tiles(panel).items():
                if "scalar" in tile and seen[first].get(tile, ("", ""))[0] == words:
                    assert seen[first][tile][1] == pixels, f"{tile} keeps its value and changes its colour"
        panel.get_by_role("button", name="Reset the knobs").click()
        page.wait_for_timeout(150)
        settled(panel)
        assert not differing(tiles(panel), seen[first]), f"{name} there and back: the same numbers in the same colours"
    for group in panel.locator(".gl-knob.gl-radios").all():
        for choice in group.locator("input").all():
            if not choice.is_checked():
                choice.click()
                page.wait_for_timeout(150)
                settled(panel)
                same(f"{group.get_attribute('aria-label')}")
        panel.get_by_role("button", name="Reset the knobs").click()
        page.wait_for_timeout(150)
        settled(panel)
        assert not differing(tiles(panel), seen[first]), "there and back: the same numbers in the same colours"
    train = panel.locator(".gl-foot > .gl-button")
    if train.is_visible() and train.is_enabled():
        train.click()
        panel.locator(".gl-trained .gl-curves").wait_for(timeout=120_000)
        settled(panel)
        assert panel.locator(".gl-trained .gl-fault").count() == 0
        panel.locator(".gl-fold-button", has_text="Training").click()
        same("training, folded in")
    elif train.is_visible():
        assert train.get_attribute("title"), "a button that does nothing says why"


def try_notebook(page, front, name, most=None):
    panels = run(page, front, name)
    for i in range(panels.count())[:most]:
        try:
            try_panel(page, i)
        except (AssertionError, TimeoutError) as error:
            raise AssertionError(f"{front}, {name}, panel {i}: {error}") from error
    ours = [c for c in page.complaints if any(w in c.lower() for w in ("gradlab", "anywidget", "gl-", "widget"))]
    assert not ours, ours


@pytest.mark.parametrize(("front", "name"), SAMPLE)
def test_a_sample_of_notebooks(page, front, name):
    """Each runs from top to bottom, and the first of its panels is tried."""
    try_notebook(page, front, name, most=1)


@pytest.mark.weekly
@pytest.mark.parametrize(("front", "name"), ALL)
def test_every_notebook(page, front, name):
    try_notebook(page, front, name)


def choose(page, menu, item):
    """Choose from JupyterLab's menu. The name of an item holds its shortcut too, where the focus lets it act."""
    page.get_by_role("menuitem", name=menu, exact=True).click()
    page.locator(".lm-Menu-itemLabel").get_by_text(item, exact=True).click()


@pytest.mark.weekly
def test_reload_save_restart_kill_and_reopen(page):
    panels = run(page, "lab", "two")

    def works(words):
        for i in (0, 1):
            panel = panels.nth(i)
            panel.scroll_into_view_if_needed()
            for position in (0, 1):
                flip(panel, position)
            expect(panel.locator(".gl-kernel")).to_contain_text(words, timeout=10_000)
            icon = panel.evaluate(
                "p => { const s = getComputedStyle(p, '::before'); return s.display === 'none' ? 'none' : s.content; }"
            )
            assert icon in ("none", "normal"), "no icon of a broken chain"

    panels.nth(1).locator("figure canvas[data-kind]").first.wait_for(timeout=60_000)
    works("")
    page.keyboard.press("Control+s")
    page.wait_for_timeout(1500)
    page.reload()  # the kernel goes on: so do the panels
    panels.nth(1).locator("figure canvas[data-kind]").first.wait_for(timeout=60_000)
    for i in (0, 1):
        settled(panels.nth(i))
        turn(panels.nth(i), panels.nth(i).get_by_role("slider", name="units"), "End")
        expect(panels.nth(i).locator(".gl-name").first).to_have_text("kernel 3×12", timeout=60_000)
    choose(page, "Kernel", "Restart Kernel…")
    page.locator(".jp-Dialog .jp-mod-accept").click()
    works("run this cell again")
    (page.work / "kill").touch()
    choose(page, "Run", "Run All Cells")
    page.locator(".jp-Dialog").get_by_role("button").last.click(
        timeout=120_000
    )  # the kernel has died and is started again
    (page.work / "kill").unlink()
    works("run this cell again")
    page.keyboard.press("Control+s")
    page.wait_for_timeout(1500)
    choose(page, "Kernel", "Shut Down Kernel")
    page.wait_for_timeout(1500)
    page.goto(f"{page.address}/lab/tree/two.ipynb?reset")
    page.locator(".jp-Cell").first.wait_for(timeout=60_000)
    panels.nth(1).locator("figure canvas[data-kind]").first.wait_for(
        timeout=60_000
    )  # the file holds them, as they were
    works("run this cell again")


@pytest.mark.weekly
def test_a_panel_whose_model_was_made_twice_answers(page):
    """As when JupyterLab reads the states of all widgets while a cell makes one: messages reach the first model, the page shows the second."""
    cells = [
        "import anywidget, gradlab\nclass Manager(anywidget.AnyWidget):\n"
        '    _esm = "export default { render({ model }) { globalThis.manager = model.widget_manager; } }"\nManager()',
        'panel = gradlab.Panel("integer_cast")\nprint("id", panel.model_id)',
        "panel",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, page.work / "twice.ipynb")
    open_notebook(page, page.address, "twice.ipynb")
    page.locator(".jp-Cell").first.click()
    page.keyboard.press("Shift+Enter")
    page.keyboard.press("Shift+Enter")
    page.wait_for_function("globalThis.manager")
    said = page.locator(".jp-OutputArea-output").get_by_text("id ")
    said.wait_for(timeout=PATIENCE)
    page.wait_for_timeout(2000)
    page.evaluate(
        """async (id) => { const { manager } = globalThis, comms = manager.kernel._comms, first = await manager.get_model(id), heard = comms.get(id);
          const { state } = (await manager.get_state({ drop_defaults: false }));
          comms.delete(id); const comm = await manager._create_comm("jupyter.widget", id); comms.set(id, heard);
          const { model_name, model_module, model_module_version } = state[id];
          const values = { ...state[id].state, data: first.get("data"), colours: first.get("colours") };
          await manager.new_model({ model_name, model_module, model_module_version, model_id: id, comm }, values);
          if (await manager.get_model(id) === first) throw new Error("the model was not made twice"); }""",
        said.inner_text().split()[1],
    )
    page.keyboard.press("Shift+Enter")
    panel = page.locator(".gradlab-panel")
    expect(panel.locator(".gl-kernel")).to_contain_text("has not answered", timeout=20_000)
    expect(panel.locator(".gl-kernel")).to_have_text("", timeout=20_000)
    before = tiles(panel)
    panel.get_by_role("slider").first.focus()
    page.keyboard.press("ArrowRight")
    settled(panel)
    assert differing(tiles(panel), before)
