"""A learner's first minutes: a real JupyterLab in a real browser, by mouse and by keyboard. One server, one browser."""

import contextlib
import os

import nbformat
import pytest
from accessibility import CONTRAST
from browser import browser, executable, heatmaps, lab, pixels, run_all
from playwright.sync_api import TimeoutError, expect

LAPTOP = {"width": 1366, "height": 768}
MOST = 620  # pixels of a panel on a laptop: what JupyterLab leaves of 768 is 646

pytestmark = [
    pytest.mark.xdist_group("browser"),
    pytest.mark.skipif(
        executable() is None and os.environ.get("CI") != "true",
        reason="NO CHROMIUM FOUND: THE PANEL WAS NOT TRIED IN A BROWSER",
    ),
]

MANY = [
    'import gradlab\ngradlab.start()\ngradlab.Panel("integer_cast")',
    'gradlab.Panel("integer_cast", bug=True)',
    'gradlab.Panel("state_leaves", predict="kinds", steps=4)',
    'gradlab.Panel("timestep_jacobian")',
    "from gradlab.panel.influence_panel import InfluencePanel\nInfluencePanel(steps=12)",
]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    assert executable(), "there is no Chromium, and CI=true says that there has to be one"
    home, work = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("work")
    one = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(MANY[0])])
    one.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(one, work / "one.ipynb")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in MANY])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, work / "many.ipynb")
    with lab(work, home) as address:
        yield address


@pytest.fixture(scope="module")
def page(server, tmp_path_factory):
    with browser(tmp_path_factory.mktemp("browser")) as page:
        page.address = server
        page.set_viewport_size(LAPTOP)
        yield page


@pytest.fixture(scope="module")
def many(page):
    """All panels of the notebook with many of them, after "Run All"."""
    run_all(page, page.address, "many.ipynb")
    panels = page.locator(".gradlab-panel")
    for i in range(len(MANY)):
        page.locator(".jp-Cell").nth(i).scroll_into_view_if_needed()
        panels.nth(i).locator("figure canvas[data-kind]").first.wait_for(timeout=240_000)
    return panels


def switches(panels):
    """Where each switch stands, "01" meaning off; "00" would be a switch that shows no position."""
    return panels.evaluate_all(
        "all => all.map(p => [...p.querySelectorAll('.gl-switch input')].map(i => Number(i.checked)).join(''))"
    )


def height(panel):
    return panel.bounding_box()["height"]


def shown(panel, position):
    expect(panel.locator(".gl")).to_have_attribute("data-position", str(position))


def test_every_switch_is_its_own(page, many):
    start = ["10", "01", "10", "10", "10"]
    assert switches(many) == start
    many.nth(0).locator(".gl-switch input").nth(1).click()
    assert switches(many) == ["01", *start[1:]], "flipping one leaves the others, also of the same scenario"
    many.nth(0).locator(".gl-switch input").nth(1).focus()
    expect(many.nth(0).locator(".gl-switch input").nth(1)).to_be_focused()  # JupyterLab has selected the cell by now
    page.keyboard.press("ArrowDown")
    assert switches(many) == start, "the arrow keys stay in their panel"
    names = many.evaluate_all("all => all.map(p => p.querySelector('.gl-switch input').name)")
    assert len(set(names)) == len(MANY)


def test_all_of_a_panel_is_on_one_screen_and_nothing_moves_it(page, many):
    for i in range(len(MANY)):
        panel = many.nth(i)
        panel.scroll_into_view_if_needed()
        before = height(panel)
        print(f"panel {i}: {before:.0f} px")
        assert before <= MOST
        parts = panel.locator(".gl-switch, .gl-body, .gl-outcomes, .gl-switch-line")
        box = panel.bounding_box()
        for part in parts.all():
            here = part.bounding_box()
            assert here and box["y"] <= here["y"] and here["y"] + here["height"] <= box["y"] + box["height"] + 1
        if panel.locator(".gl-switch input").nth(1).is_disabled():
            continue
        other = 1 - int(panel.locator(".gl").get_attribute("data-position"))
        panel.locator(".gl-switch input").nth(other).click()
        shown(panel, other)
        assert height(panel) == before
        panel.locator(".gl-switch input").nth(1 - other).click()
        shown(panel, 1 - other)


def test_a_flip_changes_the_picture_the_words_and_the_margin(page, many):
    panel = many.nth(0)
    panel.locator(".gl-switch input").nth(0).click()
    shown(panel, 0)
    off, seen = heatmaps(panel), pixels(panel)
    assert [kind for kind, _ in off] == ["ok"] * 3
    panel.locator(".gl-switch input").nth(1).click()
    shown(panel, 1)
    on = heatmaps(panel)
    assert [kind for kind, _ in on] == ["none"] * 3 and pixels(panel) != seen
    assert all("None: no path" in alt and alt != before for (_, alt), (_, before) in zip(on, off, strict=True))
    expect(panel.locator(".gl-outcomes")).to_contain_text("none")
    expect(panel.locator(".gl-verdict")).to_contain_text("confirmed")
    expect(panel.locator(".gl-said")).to_contain_text("none for kernel")
    expect(panel.locator(".gl-line.gl-cut .gl-number")).to_have_text("24", timeout=60_000)
    expect(panel.locator(".gl-outcomes")).to_contain_text("line 24")
    panel.locator(".gl-switch input").nth(1).focus()
    page.keyboard.press("ArrowUp")
    shown(panel, 0)
    assert heatmaps(panel) == off and pixels(panel) == seen, "back to exactly the same picture"


def test_values_are_read_by_keys_and_pointer_from_heatmap_and_margin(page, many):
    panel = many.nth(0)
    canvas, words = panel.locator("figure canvas").first, panel.locator(".gl-cursor")
    canvas.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    expect(words).to_contain_text("kernel[1, 1]: ")
    page.keyboard.press("End")
    expect(words).to_contain_text("kernel[1, 3]: ")
    canvas.hover(position={"x": 5, "y": 5})
    expect(words).to_contain_text("kernel[0, 0]: ")
    strip = panel.locator(".gl-line", has_text="h, _ = cell").locator(".gl-strip")
    strip.focus()
    page.keyboard.press("Home")
    expect(words).to_contain_text("line 21, visit 1 of 6: norm")
    page.keyboard.press("ArrowRight")
    expect(words).to_contain_text("line 21, visit 2 of 6: norm")
    page.keyboard.press("ArrowDown")
    expect(words).to_contain_text("line 22, visit 1 of 1: norm")
    panel.get_by_role("button", name="kernel 3×4", exact=True).click()
    assert panel.locator(".gl-way").count() > 1, "the lines on the way of the chosen source light up"
    panel.get_by_role("button", name="kernel 3×4", exact=True).click()


def test_the_answer_is_kept_until_the_prediction_is_locked_in(page, many):
    panel = many.nth(2)
    panel.scroll_into_view_if_needed()
    text = panel.locator(".gl").inner_text()
    assert "refuted" not in text and "✂" not in text and [kind for kind, _ in heatmaps(panel)] == ["ok"] * 4
    assert panel.locator(".gl-switch input").nth(1).is_disabled()
    choices = panel.locator(".gl-predict select")
    assert choices.count() == 1, "one choice a distinct outcome"
    assert panel.get_by_role("button", name="Lock in").is_disabled()
    before = height(panel)
    choices.first.select_option("none")
    panel.get_by_role("button", name="Lock in").click()
    assert "refuted" not in panel.locator(".gl").inner_text()
    panel.locator(".gl-switch input").nth(1).click()
    shown(panel, 1)
    expect(panel.locator(".gl-checked")).to_contain_text("not so: you said none")
    expect(panel.locator(".gl-checked")).to_contain_text("measured ≠ wrong")
    expect(panel.locator(".gl-verdict")).to_contain_text("refuted")
    assert height(panel) == before


def test_a_shortcut_with_ctrl_reaches_the_notebook_and_a_plain_key_does_not(page, many):
    """With the focus in a panel, Ctrl+S saves; a letter, which JupyterLab would take for a command, stays with the control."""
    panel, cells = many.nth(0), page.locator(".jp-Notebook .jp-Cell")
    position = panel.locator(".gl").get_attribute("data-position")
    panel.locator(".gl-switch input").nth(1 - int(position)).check()
    unsaved, before = page.locator(".lm-TabBar-tab.jp-mod-dirty"), cells.count()
    page.keyboard.press("b")  # "insert a cell below"
    expect(unsaved).to_have_count(1)
    page.keyboard.press("Control+s")
    expect(unsaved).to_have_count(0, timeout=30_000)
    page.keyboard.press("b")
    assert cells.count() == before
    panel.locator(".gl-switch input").nth(int(position)).check()


def test_a_knob_moves_neither_the_page_nor_the_scale(page, many):
    panel = many.nth(0)
    panel.scroll_into_view_if_needed()
    before, scale = height(panel), panel.locator(".gl-bar").get_attribute("aria-label")
    seen = pixels(panel)
    knob = panel.get_by_role("slider", name="units")
    for key, size in (("End", 12), ("Home", 1)):
        knob.focus()
        page.keyboard.press(key)
        expect(panel.locator(".gl-name").first).to_have_text(f"kernel 3×{size}", timeout=60_000)
        assert height(panel) == before
        assert panel.locator(".gl-bar").get_attribute("aria-label") == scale
    panel.get_by_role("button", name="Reset the knobs").click()
    expect(panel.locator(".gl-name").first).to_have_text("kernel 3×4", timeout=60_000)
    assert pixels(panel) == seen, "the same numbers in the same colours"


def test_training_shows_curves_and_what_never_moved(page, many):
    panel = many.nth(0)
    panel.locator(".gl-switch input").nth(1).click()
    panel.get_by_role("button", name="Train 30 steps").click()
    panel.get_by_role("img", name="Loss while training").wait_for(timeout=120_000)
    never = panel.locator(".gl-trained canvas").evaluate_all("all => all.map(c => c.dataset.moved)")
    assert never == ["yes", "never"] * 3
    inside = panel.locator(".gl-curves").evaluate(
        "svg => [...svg.querySelectorAll('text')].every(t => { const a = t.getBoundingClientRect(), b = svg.getBoundingClientRect();"
        "return a.left >= b.left - 1 && a.right <= b.right + 1 && a.top >= b.top - 1 && a.bottom <= b.bottom + 1; })"
    )
    assert inside, "no label is cut off"


def test_every_control_has_a_name_and_text_has_contrast(page, many):
    for panel in (many.nth(0), many.nth(4)):
        for role in ("radiogroup", "radio", "slider", "button"):
            for control in panel.get_by_role(role).all():
                name = control.get_attribute("aria-label") or control.evaluate(
                    "node => (node.labels && node.labels.length ? node.labels[0].textContent : node.textContent)"
                )
                assert name and name.strip(), f"a {role} without a name"
    for theme in ("light", "dark"):
        many.nth(0).locator(".gl").evaluate("(gl, dark) => gl.classList.toggle('gl-dark', dark)", theme == "dark")
        assert many.nth(0).evaluate(CONTRAST) == [], theme
    many.nth(0).locator(".gl").evaluate("gl => gl.classList.remove('gl-dark')")


def test_narrow_large_and_zoomed(page, many):
    panel = many.nth(0)
    large = panel.get_by_role("button", name="Large")
    large.click()
    assert panel.locator(".gl-strip").first.bounding_box()["height"] > 18
    large.click()
    page.set_viewport_size({"width": 683, "height": 384})  # 1366 x 768 at 200 %
    panel.scroll_into_view_if_needed()
    page.wait_for_timeout(300)
    overflow = panel.locator(".gl").evaluate("gl => gl.scrollWidth > gl.clientWidth + 1")
    page.set_viewport_size(LAPTOP)
    assert not overflow


def test_a_kernel_that_is_gone_is_said_and_the_switch_goes_on(page, many):
    panel = many.nth(0)
    page.get_by_role("menuitem", name="Kernel", exact=True).click()
    page.get_by_role("menuitem", name="Shut Down Kernel", exact=True).click()
    page.get_by_text("No Kernel").first.wait_for(timeout=60_000)
    panel.scroll_into_view_if_needed()
    expect(panel.locator(".gl-kernel")).to_contain_text("run this cell again", timeout=10_000)
    for position in (0, 1):
        panel.locator(".gl-switch input").nth(position).click()
        shown(panel, position)
    panel.get_by_role("slider", name="units").press("ArrowRight")
    icon = panel.evaluate(
        "p => { const s = getComputedStyle(p, '::before'); return s.display === 'none' ? 'none' : s.content; }"
    )
    assert icon in ("none", "normal"), "no icon of a broken chain"
    ours = [c for c in page.complaints if any(w in c.lower() for w in ("gradlab", "anywidget", "widget"))]
    assert not ours


def test_notebook_7_shows_the_same_panel(page):
    page.goto(f"{page.address}/notebooks/one.ipynb")
    page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]").first.wait_for(timeout=120_000)
    panel = page.locator(".gradlab-panel").first
    for _ in range(6):  # what is asked before the kernel is connected is not run: ask again
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        with contextlib.suppress(TimeoutError):
            panel.locator("figure canvas[data-kind]").first.wait_for(timeout=60_000)
            break
        if page.get_by_role("button", name="Select", exact=True).count():
            page.get_by_role("button", name="Select", exact=True).click()
    panel.locator(".gl-switch input").nth(1).click()
    expect(panel.locator("figure canvas").first).to_have_attribute("data-kind", "none")
