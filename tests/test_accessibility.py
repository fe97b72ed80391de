"""axe-core and our own contrast over panels, reports and line gradients, in a light and a dark page."""

import os
from functools import lru_cache

import pytest
import tensorflow as tf
from accessibility import ABSENT, CONTRAST, WHY, violations
from browser import executable
from panel_page import add, bare_page, traits

import gradlab
from gradlab.panel.influence_panel import InfluencePanel

pytestmark = [
    pytest.mark.xdist_group("browser"),
    pytest.mark.skipif(
        executable() is None and os.environ.get("CI") != "true",
        reason="NO CHROMIUM FOUND: NO PANEL WAS CHECKED FOR ACCESSIBILITY",
    ),
]
# An outcome of every sort: None, wrong with blocks, an exception, a list too short, and maps with three knobs.
SAMPLE = ["integer_cast", "timestep_jacobian", "one_state_for_two", "guide_model", "InfluencePanel"]


@pytest.fixture(scope="module", params=["light", "dark"])
def page(request):
    with bare_page(dark=request.param == "dark") as page:
        page.emulate_media(color_scheme=request.param)
        if request.param == "dark":
            page.evaluate("() => { document.body.style.color = '#ddd'; }")
        yield page


def check(page, root, what):
    bad = root.evaluate(CONTRAST)
    assert not bad, f"contrast below 4.5 in {what}: {bad}"
    if ABSENT:
        pytest.skip(WHY)
    found = violations(page, root)
    assert not found, f"{what}: " + "\n".join(found)


@lru_cache(maxsize=4 * len(SAMPLE))
def measured(name):
    """The traits of a panel with everything on it; the same for every page."""
    panel = InfluencePanel(steps=8) if name == "InfluencePanel" else gradlab.Panel(name)
    if name != "InfluencePanel":
        panel.find_cut()
        if name in ("integer_cast", "far_past"):  # the picture of a training is the same for all
            panel.train()
    found = traits(panel)
    panel.close()
    return found


def panel_is_accessible(page, name):
    shown = add(page, measured(name))
    for button in shown.locator(".gl-fold-button").all():
        button.click()
    for position in (0, 1):
        shown.locator(".gl-switch input").nth(position).click()
        check(page, shown, f"{name}, position {position}")
    shown.locator(".gl-name").first.click()  # the lines that are not on the way go pale
    check(page, shown, f"{name} with a source chosen")
    page.evaluate("() => { ends.pop()(); models.pop(); document.querySelector('.gradlab-panel').remove(); }")


@pytest.mark.parametrize("name", SAMPLE)
def test_a_panel(page, name):
    panel_is_accessible(page, name)


def test_a_panel_that_asks_first(page):
    shown = add(page, {**traits(gradlab.Panel("state_leaves", predict=True)), "seen": []}, {"kernel": None})
    page.wait_for_timeout(700)  # until the missing kernel is said
    check(page, shown, "a prediction without a kernel")
    page.evaluate("() => { ends.pop()(); models.pop(); document.querySelector('.gradlab-panel').remove(); }")


@pytest.mark.weekly
@pytest.mark.parametrize("name", [n for n in gradlab.names() if n not in SAMPLE])
def test_every_panel(page, name):
    panel_is_accessible(page, name)


def test_a_report_and_line_gradients(page):
    w, v, u = tf.Variable([0.4, 1.3]), tf.Variable(3.0), tf.Variable(0.0)

    def loss():
        h = tf.tanh(w * v)
        return tf.reduce_sum(tf.round(h) * w) + 0.0 * u + tf.sqrt(u)

    report = gradlab.explain(loss, {"w": w, "v": v, "u": u})
    for what, html in (("report", report._repr_html_()), ("line gradients", report.lines.html())):
        page.evaluate("html => { const d = document.createElement('div'); d.id = 'other'; d.innerHTML = html; document.body.append(d); }", html)  # fmt: skip
        page.evaluate("() => document.querySelectorAll('#other details').forEach(d => { d.open = true; })")
        check(page, page.locator("#other"), what)
        page.evaluate("() => document.querySelector('#other').remove()")
