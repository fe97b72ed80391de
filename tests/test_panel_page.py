"""The panel's module on a bare page with a stub of a model: order of traits, hostile text, a kernel that does not answer."""

import os
from dataclasses import replace

import numpy as np
import pytest
from browser import executable
from panel_page import add, bare_page, traits
from playwright.sync_api import expect

import gradlab
from gradlab.lab.reading import Kind, Reading, Side
from gradlab.panel.influence_panel import InfluencePanel
from gradlab.panel.scene import pack

pytestmark = [
    pytest.mark.xdist_group("browser"),
    pytest.mark.skipif(
        executable() is None and os.environ.get("CI") != "true",
        reason="NO CHROMIUM FOUND: THE PANEL WAS NOT TRIED IN A BROWSER",
    ),
]
HOSTILE = "<img src=x onerror=\"window.hit=1\"><script>window.hit=1</script>' onfocus='window.hit=1"


@pytest.fixture(scope="module")
def page():
    with bare_page() as page:
        yield page


@pytest.fixture(scope="module")
def cast():
    panel = gradlab.Panel("integer_cast")
    panel.find_cut()
    return panel


@pytest.fixture(scope="module")
def influence():
    return InfluencePanel(bug=True, steps=20, radius=1.75)


@pytest.mark.parametrize(
    "order", [("scene", "data", "colours"), ("data", "colours", "scene"), ("colours", "scene", "data")]
)
def test_nothing_is_drawn_until_scene_and_numbers_fit(page, cast, order):
    whole = traits(cast)
    empty = {**whole, "scene": {}, "data": {"bytes": ""}, "colours": {"bytes": ""}}
    panel = add(page, empty)
    for name in order[:-1]:
        page.evaluate("given => models[models.length - 1].give(given)", {name: whole[name]})
        assert panel.locator("figure").count() == 0
    page.evaluate("given => models[models.length - 1].give(given)", {order[-1]: whole[order[-1]]})
    assert panel.locator("figure canvas").count() == 3
    drawn = panel.locator("figure canvas").first.evaluate("c => c.toDataURL()")
    # Numbers of another run under the old description: kept off the page.
    cast.turn(steps=2)
    other = traits(cast)
    cast.turn(steps=6)
    page.evaluate("given => models[models.length - 1].give(given)", {"data": other["data"]})
    assert panel.locator("figure canvas").first.evaluate("c => c.toDataURL()") == drawn
    page.evaluate("given => models[models.length - 1].give(given)", {"scene": other["scene"]})
    assert panel.locator("figure canvas").first.evaluate("c => c.toDataURL()") != drawn


def test_no_text_executes_or_leaves_its_attribute(page):
    scenario = replace(
        gradlab.load("integer_cast"),
        title=HOSTILE,
        claim=HOSTILE,
        claims=(HOSTILE,),
        switch=(HOSTILE, HOSTILE + "2"),
        why=HOSTILE,
    )
    panel = gradlab.Panel(scenario)
    found = traits(panel)
    found["page"] = {
        **found["page"],
        "name": HOSTILE,
        "setup": HOSTILE,
        "links": [[HOSTILE, "javascript:window.hit=1"]],
    }
    for line in found["page"]["code"]:
        line["text"] = HOSTILE
    for tile in found["scene"]["tiles"]:
        tile["name"] = HOSTILE
        for entry in tile["entries"]:
            entry["note"] = entry["word"] = HOSTILE
    for side in found["scene"]["sides"]:
        side["error"] = dict.fromkeys(("heading", "sentence", "line", "trace"), HOSTILE)
        side["groups"] = [{"kind": HOSTILE, "names": [HOSTILE]}]
        for margin in side["margin"].values():
            margin |= {"raised": HOSTILE, "passed": HOSTILE, "cut": HOSTILE, "missing": HOSTILE}
            margin["reads"] = [{"name": HOSTILE, "kind": HOSTILE, "words": HOSTILE}]
    shown = add(page, found)
    for button in shown.locator(".gl-fold-button").all():
        button.click()
    shown.locator(".gl-switch input").nth(1).click()
    for node in shown.locator("a").all():
        assert not node.get_attribute("href").startswith("javascript")
    page.wait_for_timeout(200)
    assert page.evaluate("window.hit === undefined")
    assert shown.locator("img, script").count() == 0
    assert shown.evaluate(
        "p => [...p.querySelectorAll('*')].every(n => !n.hasAttribute('onfocus') && !n.hasAttribute('onerror'))"
    )
    assert not [c for c in page.complaints if "font" not in c]


@pytest.mark.parametrize(
    ("manager", "words"),
    [
        ({"kernel": None}, "No kernel is connected"),
        ({"kernel": {"id": "1", "status": "dead"}}, "kernel has died"),
        ({"kernel": {"id": "1", "status": "autorestarting"}}, "has ended"),
        ({"kernel": {"id": "1", "status": "idle"}}, "has not answered this panel yet"),  # late, or it knows of no panel
    ],
)
def test_a_kernel_that_is_not_there_is_said_within_two_seconds(page, cast, manager, words):
    panel = add(page, traits(cast), manager)
    expect(panel.locator(".gl-kernel")).to_contain_text(words, timeout=2000)
    expect(panel.locator(".gl-kernel")).to_contain_text("What is here still works")
    panel.locator(".gl-switch input").nth(1).click()
    expect(panel.locator("figure canvas").first).to_have_attribute("data-kind", "none")


def test_an_answer_that_comes_late_is_drawn_and_takes_the_message_away(page, cast):
    """Under load: the kernel is idle when the page asks, and answers after the page has lost patience."""
    whole = traits(cast)
    panel = add(page, {**whole, "scene": {}, "data": {"bytes": ""}}, {"kernel": {"id": "1", "status": "idle"}})
    said = panel.locator(".gl-kernel")
    expect(said).to_contain_text("has not answered this panel yet. Its numbers have not come yet", timeout=4000)
    assert "ended" not in said.inner_text(), "nobody knows that"
    page.wait_for_function("() => models.at(-1).sent.filter(m => m.ask === 'ping').length > 1", timeout=8000)
    assert page.evaluate("() => models.at(-1).sent.at(-1).stamp") == 0, "so that Python sends what is missing"
    page.evaluate("given => models.at(-1).give(given)", {name: whole[name] for name in ("scene", "data")})
    expect(said).to_have_text("", timeout=2000)
    assert panel.locator("figure canvas").count() == 3


def test_a_panel_that_messages_pass_by_hears_them_from_the_connection(page, cast):
    """JupyterLab has made its model twice: the kernel's answers reach the other one."""
    whole = traits(cast)
    page.evaluate("""() => { window.calls = new Set(); window.kernel = { id: "1", status: "idle", anyMessage: {
        connect: (call) => calls.add(call), disconnect: (call) => calls.delete(call) } };
      window.tell = (direction, comm_id, data) => calls.forEach((call) => call(kernel, { direction, msg: { header: { msg_type: "comm_msg" }, content: { comm_id, data } } }));
      window.manager = { kernel, get_model: async (id) => ({ _handle_comm_msg: async (m) => { if (id === "ours") models.at(-1).give(m.content.data.state); await new Promise((done) => setTimeout(done, 150)); } }) }; }""")
    panel = add(page, {**whole, "scene": {}, "data": {"bytes": ""}}, "manager")
    page.evaluate("""() => { const model = models.at(-1), send = model.send.bind(model);
      model.send = (content) => { send(content); tell("send", "ours", { method: "custom", content }); }; tell("send", "other", { content: { ask: "ping", mark: 2 } }); }""")
    page.wait_for_function("() => models.at(-1).sent.filter(m => m.ask === 'ping').length > 1", timeout=8000)
    page.evaluate("() => tell('recv', 'other', { method: 'update', state: { scene: 'not ours' } })")
    for name in ("scene", "data"):
        page.evaluate("(state) => tell('recv', 'ours', { method: 'update', state })", {name: whole[name]})
    expect(panel.locator(".gl-kernel")).to_have_text("", timeout=4000)
    expect(panel.locator("figure canvas")).to_have_count(3)  # the last of both is being handed over when the next comes
    page.evaluate("(state) => tell('recv', 'ours', { method: 'update', state })", {"trained": {"error": None}})
    page.wait_for_function("() => models.at(-1).get('trained').error === null")
    page.wait_for_timeout(700)  # long after all that came while others were handed over
    page.evaluate("(state) => tell('recv', 'ours', { method: 'update', state })", {"progress": [3, 4]})
    page.wait_for_function("() => models.at(-1).get('progress')[0] === 3", timeout=3000)
    page.evaluate("() => ends.at(-1)()")
    assert page.evaluate("() => calls.size") == 0


def test_the_kernel_does_not_undo_a_flip_that_it_has_not_heard_of(page, cast):
    """It sends back what it was handed before, as soon as it has time; the newer flip is handed over a little later."""
    panel = add(page, traits(cast), {"kernel": {"id": "1", "status": "busy"}})
    page.wait_for_function("() => models.at(-1).saved > 0")  # what was seen at first
    panel.locator(".gl-switch input").nth(1).click()
    page.evaluate("() => { const m = models.at(-1); m.give({ seen: [0] }); window.before = m.saved; }")
    page.wait_for_function("() => models.at(-1).saved > before")  # the flip to 1 is on its way
    panel.locator(".gl-switch input").nth(0).click()
    page.evaluate("() => { const m = models.at(-1); m.give({ position: 1 }); window.before = m.saved; }")
    assert page.evaluate("() => [models.at(-1).get('position'), models.at(-1).get('seen')]") == [0, [0, 1]]
    assert panel.locator(".gl").get_attribute("data-position") == "0"
    assert panel.locator(".gl-switch input").nth(0).is_checked()
    page.wait_for_function("() => models.at(-1).saved > before")
    page.evaluate(
        "() => models.at(-1).give({ position: 1 })"
    )  # now somebody else has flipped it, in Python or in another view
    assert panel.locator(".gl").get_attribute("data-position") == "1"


def test_a_zero_that_is_right_has_other_marks_and_words_than_a_cut(page):
    live = gradlab.Panel("initial_state", bug=True)
    live.find_cut()
    panel = add(page, traits(live))
    line = panel.locator(".gl-line", has_text="cell(x[:, t], [h])")
    assert "0 zero here" in line.inner_text() and "✂" not in panel.locator(".gl-code").inner_text()
    assert panel.locator(".gl-cut, .gl-cut-words").count() == 0
    words = panel.locator(".gl-outcomes").inner_text()
    assert "the gradient of recurrent_kernel is zero here: the state that it multiplies is zero" in words
    assert "masked" not in words and "✂" not in words
    colours = "n => getComputedStyle(n).backgroundColor"
    plain = panel.locator(".gl-line", has_text="for t in range")
    assert line.evaluate(colours) == plain.evaluate(colours), "nor the colour of a cut"


@pytest.mark.parametrize(("width", "columns"), [(934, 3), (640, 3), (400, 1)])
def test_maps_stand_side_by_side_square_and_with_the_influence_of_the_first_input(page, influence, width, columns):
    size = page.viewport_size
    page.set_viewport_size({"width": width + 16, "height": 768})
    try:
        panel = add(page, traits(influence))
        page.wait_for_timeout(200)
        boxes = [c.bounding_box() for c in panel.locator("figure canvas").all()]
        assert len({round(b["x"]) for b in boxes}) == columns
        assert len({round(b["y"]) for b in boxes}) == 3 // columns
        assert all(abs(b["width"] - b["height"]) <= 1 and b["width"] >= 170 for b in boxes)
        if width == 934:
            assert boxes[0]["width"] >= 260 and panel.bounding_box()["height"] <= 620
        whole = panel.bounding_box()
        for number, reading in zip(panel.locator(".gl-corner").all(), influence.sides[1].readings, strict=True):
            found, box = float(number.locator("b").inner_text()), number.locator("b").bounding_box()
            assert abs(np.log10(found) - np.log10(reading.values[-1, 0])) <= 0.5
            assert (
                box["y"] + box["height"] <= whole["y"] + whole["height"]
                and box["x"] + box["width"] <= whole["x"] + width
            )
        assert panel.evaluate(
            "p => p.querySelector('.gl-tiles').scrollHeight <= p.querySelector('.gl-tiles').clientHeight"
        )
        before, map_size = panel.bounding_box()["height"], boxes[0]["width"]
        influence.turn(steps=7)
        page.evaluate(
            "g => models.at(-1).give(g)", {n: v for n, v in traits(influence).items() if n in ("scene", "data")}
        )
        assert panel.bounding_box()["height"] == before, "a knob moves nothing"
        assert abs(panel.locator("figure canvas").first.bounding_box()["width"] - map_size) <= 1
    finally:
        influence.turn(steps=20)
        page.set_viewport_size(size)


def test_what_float32_cannot_hold_is_neither_zero_nor_infinite():
    tiny = np.array([[1.0, 0.0], [1e-60, 1e60]])
    shown = pack([Side((Reading("w", Kind.OK, tiny, (2, 2)),))] * 2, {"w": ("t", "s")})
    numbers = np.frombuffer(shown[1], "<f4")[1:5]
    assert numbers[1] == 0 and 0 < numbers[2] < 1.2e-38 and np.isfinite(numbers).all()
    assert shown[0]["tiles"][0]["entries"][0]["corner"] == "1e-60"


def test_a_line_says_why_there_is_nothing_to_train(page):
    panel = add(page, traits(gradlab.Panel("timestep_jacobian", bug=True)))
    assert panel.get_by_role("button", name="Train 30").is_disabled()
    assert panel.locator(".gl-reason").inner_text() == "Nothing to train: this scenario has no scalar loss."
    strips = panel.locator(".gl-line", has_text="cell(x[:, t], [h])").locator("canvas")
    colours = """c => { const p = c.getContext('2d').getImageData(0, 0, c.width, c.height).data, x = c.width - 12, seen = new Set();
      for (let y = 0; y < c.height; y++) seen.add([...p.slice(4 * (y * c.width + x), 4 * (y * c.width + x) + 3)].join()); return seen.size; }"""
    assert strips.evaluate(colours) == 1, "four questions of one tape: no stripes of three pixels"


def test_a_loss_below_zero_is_drawn_too(page):
    live = gradlab.Panel("straight_through", steps=2)
    live.train()
    assert min(loss for curve in live.trained["losses"] for loss in curve) < 0
    panel = add(page, {**traits(live), "seen": [0, 1]})
    panel.get_by_role("button", name="Training", exact=True).click()
    heights = "all => all.map(c => [...(c.points || [{ y: c.y1.baseVal.value }])].map(p => p.y))"
    curves = panel.locator(".gl-curves .gl-curve").evaluate_all(heights)
    (top,), _, (floor,) = sorted(panel.locator(".gl-curves .gl-grid").evaluate_all(heights))
    assert len(curves) == 2 and all(len(curve) == 31 and curve[-1] - curve[0] > 20 for curve in curves), "both fall"
    assert all(top - 0.1 <= y <= floor + 0.1 for curve in curves for y in curve), "within the axes"


def test_a_knob_that_waits_says_so_and_stops_saying_so(page, cast):
    panel = add(page, traits(cast), {"kernel": {"id": "1", "status": "busy"}})
    assert panel.locator(".gl-kernel").inner_text() == ""
    panel.get_by_role("slider", name="units").press("ArrowRight")
    expect(panel.locator(".gl-kernel")).to_contain_text("busy with another cell", timeout=2000)
    page.evaluate("() => { const m = models[models.length - 1]; m.give({ answered: m.get('asked') }); }")
    expect(panel.locator(".gl-kernel")).to_have_text("", timeout=2000)


def test_without_a_widget_manager_nothing_is_missing(page, cast):
    panel = add(page, traits(cast))
    page.wait_for_timeout(800)
    assert panel.locator(".gl-kernel").inner_text() == ""


def test_a_view_that_ends_leaves_the_model_alone(page, cast):
    add(page, traits(cast))
    left = page.evaluate("() => { ends.at(-1)(); return Object.values(models.at(-1).calls).flat().length; }")
    assert left == 0


def test_only_what_was_seen_is_told(page, cast):
    panel = add(page, {**traits(cast), "seen": []})
    text = "p => p.querySelector('.gl').innerText"
    assert "confirmed" not in panel.evaluate(text) and "✂" not in panel.evaluate(text)
    for button in panel.locator(".gl-fold-button").all():
        button.click()
    assert "confirmed" not in panel.evaluate(text), "nor does it fold out"
    assert panel.locator("option[value=difference]").is_disabled()
    panel.locator(".gl-switch input").nth(1).click()
    assert "confirmed" in panel.evaluate(text) and "✂" in panel.evaluate(text)
    panel.locator(".gl-switch input").nth(0).click()
    assert "confirmed" in panel.evaluate(text) and "✂ line" not in panel.evaluate(text)


def test_a_question_is_answered_by_a_letter_and_the_answer_is_told_after_the_flip(page):
    panel = add(page, traits(gradlab.Panel("integer_cast", predict=True)))
    letters = panel.get_by_role("radiogroup", name="Answer").get_by_role("radio")
    assert letters.count() == 4 and not [i for i in range(4) if letters.nth(i).is_checked()], "no answer stands there"
    assert "B: Arrays of zeros" in panel.locator(".gl-outcomes").inner_text(), "the words stand beside the letters"
    asked = panel.locator(".gl-asks")
    assert asked.inner_text() == "Predict first: Which gradients do the three weights get?"
    assert asked.get_attribute("title").endswith("Which gradients do the three weights get?"), (
        "all of it under the pointer"
    )
    lock = panel.get_by_role("button", name="Lock in")
    assert lock.is_disabled() and panel.locator(".gl-switch input").nth(1).is_disabled()
    letters.nth(1).focus()
    page.keyboard.press("Space")
    assert letters.nth(1).get_attribute("aria-label").startswith("B: Arrays of zeros")
    lock.click()
    assert "None" not in panel.locator(".gl-outcomes").inner_text()
    assert panel.locator(".gl-checked").inner_text() == "You said B. Now flip the switch."
    panel.locator(".gl-switch input").nth(1).click()
    told = panel.locator(".gl-checked").inner_text()
    assert told.startswith("Not so: you said B, measured C. That would be a reasonable answer")
    panel.get_by_role("slider", name="steps").press("ArrowRight")  # no kernel answers here: the numbers stay
    panel.locator(".gl-switch input").nth(0).click()
    assert panel.locator(".gl-checked").inner_text().startswith("Your answer, B, was for steps = 6.")
    assert not page.complaints


@pytest.mark.parametrize("scenario", ["computed_state", "initial_state"])
def test_no_answer_is_too_long_for_its_place(page, scenario):
    """Two scenarios with long reasons: nothing of what is said after the flip has to be scrolled to."""
    live = gradlab.Panel(scenario, predict=True)
    live.find_cut()
    made = traits(live)
    before = page.viewport_size
    page.set_viewport_size({"width": 950, "height": 768})  # JupyterLab's notebook on a small laptop, file browser open
    for answer in made["page"]["question"]["answers"]:
        panel = add(page, made)
        hidden = panel.locator(".gl-outcomes").evaluate("e => e.scrollHeight - e.clientHeight")
        assert hidden <= 0, f"{hidden} px of the question are out of sight"
        panel.get_by_role("radio", name=f"{answer['letter']}:").check()
        panel.get_by_role("button", name="Lock in").click()
        panel.locator(".gl-switch input").nth(1).click()
        assert answer["why"] in panel.locator(".gl-checked").inner_text()
        hidden = panel.locator(".gl-outcomes").evaluate("e => e.scrollHeight - e.clientHeight")
        assert hidden <= 0, f"{answer['letter']}: {hidden} px of the answer are out of sight"
    page.set_viewport_size(before)


def test_rows_of_a_jacobian_slide_into_their_sum_and_stand_still_where_motion_is_unwanted(page):
    panel = gradlab.Panel("timestep_jacobian")
    frames = """p => new Promise(done => {
      const canvas = p.querySelector('figure canvas'), seen = new Set([canvas.toDataURL()]), end = performance.now() + 900;
      p.querySelectorAll('.gl-switch input')[1].click();
      const look = () => { seen.add(canvas.toDataURL()); performance.now() < end ? requestAnimationFrame(look) : done(seen.size); };
      look();
    })"""
    for motion, moves in (("no-preference", True), ("reduce", False)):
        page.emulate_media(reduced_motion=motion)
        shown = add(page, traits(panel))
        pictures = shown.evaluate(frames)  # before, after and, where it moves, some between
        assert (pictures > 2) == moves
    page.emulate_media(reduced_motion="no-preference")
    canvas = shown.locator("figure canvas").first
    size = canvas.evaluate("c => [c.width, c.height]")
    shown.locator(".gl-switch input").nth(0).click()
    assert canvas.evaluate("c => [c.width, c.height]") == size, "the same grid at both positions"


def test_large_by_address(page, cast):
    page.evaluate("() => { location.hash = 'gradlab=large'; }")
    try:
        panel = add(page, traits(cast))
        assert panel.locator(".gl.gl-large").count() == 1
        assert panel.locator(".gl-strip").first.bounding_box()["height"] > 18
    finally:
        page.evaluate("() => { location.hash = ''; }")


def test_a_panel_drawn_before_it_is_part_of_a_dark_page_becomes_dark(page, cast):
    """So JupyterLab does with a notebook that is opened again; nothing is behind the panel then that could be light or dark."""
    page.evaluate("() => { document.body.style.background = '#111'; }")
    try:
        dark = page.evaluate(
            """async () => {
              const el = document.createElement("div"), model = models[models.length - 1];
              ends.push(window.panel.render({ model, el }));
              document.body.append(el);
              await new Promise(requestAnimationFrame); await new Promise(requestAnimationFrame);
              const found = el.querySelector(".gl").classList.contains("gl-dark");
              ends.pop()(); el.remove();
              return found;
            }"""
        )
        assert dark
    finally:
        page.evaluate("() => { document.body.style.background = '#fff'; }")


def test_one_column_at_400_pixels_without_sideways_scroll(page, cast):
    size = page.viewport_size
    page.set_viewport_size({"width": 400, "height": 768})
    try:
        panel = add(page, traits(cast))
        page.wait_for_timeout(200)
        code, tiles = panel.locator(".gl-code").bounding_box(), panel.locator(".gl-tiles").bounding_box()
        assert code["y"] + code["height"] <= tiles["y"] + 1
        assert panel.evaluate("p => p.scrollWidth <= 400 && p.querySelector('.gl').scrollWidth <= 400")
        cut_off = "p => ['.gl-title', '.gl-claim'].filter(s => { const e = p.querySelector(s); return e.scrollWidth > e.clientWidth || e.scrollHeight > e.clientHeight + 1; })"
        assert panel.evaluate(cut_off) == []
    finally:
        page.set_viewport_size(size)


def test_on_paper_all_of_a_panel_is_within_the_page(page, cast):
    """Paper is narrower than the screen that the heatmaps were drawn for, and what scrolls there is whole here."""
    panel, size = add(page, traits(cast)), page.viewport_size
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 700, "height": 900})
    try:
        outside = """p => { const page = p.getBoundingClientRect();
          const parts = [...p.querySelectorAll('.gl-body, .gl-outcomes')].filter(e => e.getBoundingClientRect().width < page.width - 4 || e.scrollHeight > e.clientHeight + 2);
          const cut = [...p.querySelectorAll('.gl-plot canvas')].filter(e => e.getBoundingClientRect().right > page.right);
          return [...parts, ...cut].map(e => e.className || e.tagName); }"""
        assert panel.evaluate(outside) == []
    finally:
        page.emulate_media(media="screen")
        page.set_viewport_size(size)


def test_a_flip_draws_the_lines_that_change_and_no_other(page, cast):
    panel = add(page, {**traits(cast), "seen": [0, 1]})
    pictures = (
        "p => [...p.querySelectorAll('canvas')].filter(c => c.style.visibility !== 'hidden').map(c => c.toDataURL())"
    )
    fresh = panel.evaluate(pictures)
    page.evaluate("""() => {
      const plain = CanvasRenderingContext2D.prototype.clearRect;
      window.cleared = new Set();
      CanvasRenderingContext2D.prototype.clearRect = function (...box) {
        const row = this.canvas.closest('.gl-line');
        if (row) cleared.add(Number(row.querySelector('.gl-number').textContent));
        return plain.apply(this, box);
      };
    }""")
    switch = panel.locator(".gl-switch input")
    switch.nth(1 - cast.position).click()
    off, on = (side["margin"] for side in cast.scene["sides"])
    changed = {int(line) for line in {**off, **on} if off.get(line) != on.get(line)}
    assert changed and set(page.evaluate("() => [...cleared]")) == changed
    assert panel.evaluate(pictures) != fresh
    switch.nth(cast.position).click()
    assert panel.evaluate(pictures) == fresh, "what was left undrawn is still as it was"


def test_a_flip_is_sent_after_its_frame_and_several_at_once(page, cast):
    panel = add(page, {**traits(cast), "seen": [0, 1]})
    found = panel.evaluate("""async p => {
      const model = models.at(-1), inputs = p.querySelectorAll('.gl-switch input'), wait = ms => new Promise(done => setTimeout(done, ms));
      await wait(400);
      const before = model.saved;
      for (const i of [1, 0, 1]) inputs[i].click();
      const atOnce = model.saved - before;
      await wait(600);
      const later = model.saved - before;
      inputs[0].click();
      ends.at(-1)(); // a view that ends sends what it has
      return [atOnce, later, model.saved - before, model.get('position')];
    }""")
    assert found == [0, 1, 2, 0]


def test_a_run_is_drawn_once_though_each_trait_tells_of_itself(page, cast):
    page.evaluate("""() => {
      const plain = CanvasRenderingContext2D.prototype.clearRect;
      window.times = new Map();
      CanvasRenderingContext2D.prototype.clearRect = function (...box) {
        if (this.canvas.closest('figure')) times.set(this.canvas, (times.get(this.canvas) ?? 0) + 1);
        return plain.apply(this, box);
      };
    }""")
    panel = add(page, traits(cast))
    page.wait_for_timeout(300)
    cast.turn(steps=3)
    other = {name: value for name, value in traits(cast).items() if name in ("scene", "data")}
    cast.turn(steps=6)
    page.evaluate("() => times.clear()")
    # As a front end does it: both are there before the first of them tells.
    page.evaluate(
        "([scene, data]) => { const m = models.at(-1); Object.assign(m.traits, new Model({ scene, data }).traits);"
        " for (const name of ['scene', 'data']) for (const call of m.calls[`change:${name}`]) call(); }",
        [other["scene"], other["data"]],
    )
    page.wait_for_timeout(100)
    assert panel.locator("figure canvas").count() == 3
    assert page.evaluate("() => [...times.values()]") == [1, 1, 1]


def test_a_long_line_goes_on_below_itself_where_all_of_the_code_has_room(page):
    live = gradlab.Panel("initial_state")
    live.find_cut()
    panel = add(page, {**traits(live), "seen": [0, 1]})
    heights = []
    for position in (0, 1):
        panel.locator(".gl-switch input").nth(position).click()
        for words in ("sources = {", "np.full"):
            line = panel.locator(".gl-line", has_text=words)
            text, row = line.locator("code").bounding_box(), line.bounding_box()
            assert line.locator("code").evaluate("c => c.scrollWidth <= c.clientWidth + 1") and row["height"] > 30
            assert text["y"] + text["height"] <= row["y"] + row["height"] + 1
        box = panel.locator(".gl-code")
        assert box.evaluate("c => c.scrollHeight <= c.clientHeight"), "nothing has to be scrolled to"
        heights.append(
            (panel.bounding_box()["height"], [r.bounding_box()["height"] for r in panel.locator(".gl-line").all()])
        )
    assert heights[0] == heights[1]


def test_a_long_line_of_code_says_that_it_goes_on_and_can_be_read(page, cast):
    found = traits(cast)
    last = found["page"]["code"][-1]["number"]  # more lines than there is room for: none is wrapped
    more = [{"number": last + i, "text": "# more", "mark": False, "keep": True} for i in range(1, 12)]
    found["page"] = {**found["page"], "code": [*found["page"]["code"], *more]}
    panel = add(page, found)
    height = panel.bounding_box()["height"]
    line = panel.locator("code.gl-text", has_text="sources = {")
    text = line.locator("span")
    cut = "c => c.scrollWidth > c.clientWidth && getComputedStyle(c).textOverflow === 'ellipsis'"
    assert line.evaluate(cut), "it ends in …"
    assert panel.locator("code.gl-text", has_text="level = 10").evaluate("c => c.scrollWidth <= c.clientWidth")

    def whole():
        found, box = text.bounding_box(), panel.locator(".gl-code").bounding_box()
        assert found["x"] + found["width"] <= box["x"] + box["width"]
        assert found["y"] >= box["y"] and found["y"] + found["height"] <= box["y"] + box["height"]
        return found["height"] > 25  # two lines of 17 pixels

    line.hover()
    assert whole() and "gl-whole" in line.get_attribute("class")
    assert panel.bounding_box()["height"] == height, "under the pointer"
    page.mouse.move(0, 0)
    expect(line).not_to_have_class("gl-text gl-whole")
    assert line.evaluate(cut)
    panel.locator(".gl-legend select").focus()
    page.keyboard.press("Tab")
    assert panel.locator(".gl-code").evaluate("c => c === document.activeElement")
    assert line.evaluate("c => c.scrollWidth <= c.clientWidth && c.clientHeight > 20")
    assert panel.bounding_box()["height"] == height, "with the keyboard"


def test_the_longest_code_fits_a_laptop(page):
    panel = add(page, traits(gradlab.Panel("hidden_layer", predict=True)))
    assert panel.bounding_box()["height"] <= 620
