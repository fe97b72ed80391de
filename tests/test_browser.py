"""A learner's first minutes: a real JupyterLab in a real browser, by mouse and by keyboard."""

import contextlib
import os
import shutil
from pathlib import Path

import pytest
from browser import browser, executable, heatmaps, lab, pixels, run_all
from playwright.sync_api import TimeoutError, expect

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"

pytestmark = [
    pytest.mark.xdist_group("browser"),
    pytest.mark.skipif(
        executable() is None and os.environ.get("CI") != "true",
        reason="NO CHROMIUM FOUND: THE PANEL WAS NOT TRIED IN A BROWSER",
    ),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    assert executable(), "there is no Chromium, and CI=true says that there has to be one"
    home, work = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("work")
    for notebook in NOTEBOOKS.glob("*.ipynb"):
        shutil.copy(notebook, work)
    with lab(work, home) as address:
        yield address


@pytest.fixture
def page(server, tmp_path):
    with browser(tmp_path) as page:
        page.address = server
        yield page


def first_panel(page, notebook):
    run_all(page, page.address, notebook)
    panel = page.locator(".gradlab-panel").first
    panel.locator("figure canvas[data-kind]").first.wait_for(timeout=240_000)
    panel.scroll_into_view_if_needed()
    return panel


def test_a_learner_flips_the_switch_by_mouse_and_by_keyboard(page):
    panel = first_panel(page, "00_start_here.ipynb")
    off, seen = heatmaps(panel), pixels(panel)
    assert [kind for kind, _ in off] == ["ok"] * 3

    radios = panel.locator("input[type=radio]")
    radios.nth(1).click()
    expect(panel.locator("figure canvas").first).to_have_attribute("data-kind", "none")
    on = heatmaps(panel)
    assert [kind for kind, _ in on] == ["none"] * 3
    assert pixels(panel) != seen
    assert all(
        "None: no path to the loss" in alt and alt != before for (_, alt), (_, before) in zip(on, off, strict=True)
    )
    expect(panel.locator("table caption").first).to_contain_text("cast it to int32 and back")
    expect(panel.locator(".gl-said")).to_contain_text("kernel None")

    radios.nth(1).focus()
    page.keyboard.press("ArrowUp")
    expect(panel.locator("figure canvas").first).to_have_attribute("data-kind", "ok")
    assert heatmaps(panel) == off and pixels(panel) == seen, "back to exactly the same picture"
    page.keyboard.press("ArrowDown")
    expect(panel.locator("figure canvas").first).to_have_attribute("data-kind", "none")
    page.keyboard.press("ArrowUp")

    canvas = panel.locator("figure canvas").first
    canvas.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    expect(panel.locator(".gl-cursor")).to_contain_text("kernel[1, 1]: ")
    page.keyboard.press("End")
    expect(panel.locator(".gl-cursor")).to_contain_text("kernel[1, 3]: ")

    canvas.hover(position={"x": 5, "y": 5})
    expect(panel.locator(".gl-cursor")).to_contain_text("kernel[0, 0]: ")

    handle = panel.get_by_role("slider", name="units")
    handle.focus()
    page.keyboard.press("ArrowRight")
    expect(panel.locator("figcaption").first).to_have_text("kernel  3×5", timeout=30_000)

    for _ in range(9):  # faster than Python can answer: the newest value wins, and nothing is left behind
        page.keyboard.press("ArrowRight")
    expect(panel.locator("figcaption").first).to_have_text("kernel  3×12", timeout=30_000)

    panel.get_by_role("button", name="Train 30 steps").click()
    panel.get_by_role("img", name="Loss while training").wait_for(timeout=60_000)
    expect(panel.get_by_role("rowheader", name="kernel moved", exact=True)).to_be_visible()

    ours = [c for c in page.complaints if "gradlab" in c.lower() or "anywidget" in c.lower() or "widget" in c.lower()]
    assert not ours

    page.get_by_role("menuitem", name="Kernel", exact=True).click()
    page.get_by_role("menuitem", name="Shut Down Kernel", exact=True).click()
    page.get_by_text("No Kernel").first.wait_for(timeout=60_000)
    panel.locator("input[type=radio]").nth(1).click()
    expect(panel.locator("figure canvas").first).to_have_attribute("data-kind", "none")


def test_every_control_has_a_name(page):
    panel = first_panel(page, "02_integer_cast.ipynb")
    page.wait_for_timeout(2000)  # names are completed within 1.5 s of drawing
    for role, count in (("radiogroup", 1), ("radio", 2), ("slider", 2), ("button", 1)):
        controls = panel.get_by_role(role)
        assert controls.count() >= count
        for control in controls.all():
            name = (
                control.get_attribute("aria-label")
                or control.text_content()
                or control.evaluate(
                    "node => node.labels && node.labels.length ? node.labels[0].textContent : (node.parentElement || {}).textContent"
                )
            )
            assert name and name.strip(), f"a {role} without a name"


def test_notebook_7_shows_the_same_panel(page):
    page.goto(f"{page.address}/notebooks/00_start_here.ipynb")
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
    panel.locator("input[type=radio]").nth(1).click()
    expect(panel.locator("figure canvas").first).to_have_attribute("data-kind", "none")
