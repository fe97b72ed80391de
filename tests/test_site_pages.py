"""The site as a reader has it: opened from the disk in a real browser that has no network."""

import base64
import copy
import json
import os
import re
import shutil
from collections import Counter
from concurrent.futures import as_completed

import numpy as np
import pytest
from accessibility import ABSENT, CONTRAST, WHY, violations
from browser import executable
from playwright.sync_api import Error, expect
from site_live import as_a_site_computes, unlike_a_live_run
from site_pages import (
    LESSONS,
    READY,
    ROOT,
    chromium,
    differences,
    flip,
    opened,
    pages,
    picture,
    read_back,
    reader,
    tiny,
    try_panel,
)

import gradlab
from gradlab.lab.questions import load_question
from gradlab.scenarios import _eight_lines
from gradlab.site import farm
from gradlab.site.bases import BASES
from gradlab.site.build import Options, build
from gradlab.site.compute import all_names
from gradlab.site.export import export
from gradlab.site.pack import Base, pack, unpack

pytestmark = [
    pytest.mark.xdist_group("browser"),
    pytest.mark.skipif(
        executable() is None and os.environ.get("CI") != "true",
        reason="NO CHROMIUM FOUND: THE SITE WAS NOT TRIED IN A BROWSER",
    ),
]
# What of a panel's code and words reaches out of a box that cuts it off.
CLIPPED = """(place) => [...place.querySelectorAll('.gl-text, .gl-outcomes, .gl-claim, .gl-title')].filter((e) => e.checkVisibility()).filter((e) => {
    if (e.scrollWidth > e.clientWidth + 1 || e.scrollHeight > e.clientHeight + 1) return e.tagName !== 'CODE' || e.scrollWidth > e.clientWidth + 1;
    for (let box = e.parentElement; box && box !== place; box = box.parentElement) {
      const [inside, around] = [e.getBoundingClientRect(), box.getBoundingClientRect()];
      if (getComputedStyle(box).overflow !== 'visible' && (inside.right > around.right + 1 || inside.bottom > around.bottom + 1)) return true;
    }
    return false; }).map((e) => `${e.className}: ${e.textContent.slice(0, 60)}`)"""
# The theme's search button shows keys beside its name, and myst-nb's fold shows two texts of which one is hidden.
OF_THE_THEME = ("label-content-name-mismatch: .navbar-persistent", "label-content-name-mismatch: summary")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("site")


@pytest.fixture(scope="module")
def built(folder):
    pytest.importorskip("myst_nb", reason="THE SITE WAS NOT BUILT: pip install 'tf-gradlab[site]'")
    return tiny(folder)


@pytest.fixture(scope="module")
def site(built):
    return built[0]


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def page(browser):
    with reader(browser) as page:
        yield page


def test_pages_open_and_every_panel_works(page, site):
    """The pages with a panel and one of each other kind; all pages of the whole site: weekly."""
    seen = 0
    with_a_panel = [address for address in pages(site) if "data-panel=" in (site / address).read_text(encoding="utf-8")]
    for address in (*with_a_panel, "search.html", "none.html", "docs/panel.html"):
        for place in opened(page, site, address):
            seen += 1
            if address.startswith("scenarios/"):
                try_panel(place)
            else:
                flip(place)
    assert seen == 8  # four on pages of their own, one at home, three in a lesson
    assert page.left == [] and page.complaints == []


def test_a_lesson_asks_the_question_that_stands_above_its_panel(page, site):
    for place in opened(page, site, f"notebooks/{LESSONS[1]}.html"):
        answers = place.get_by_role("radiogroup", name="Answer").locator("input")
        question = load_question(place.get_attribute("data-panel"))
        said = [f"{letter}: {answer.text}" for letter, answer in question.lettered]
        assert [a.get_attribute("aria-label") for a in answers.all()] == said
        assert page.get_by_text(question.question.split(".")[0]).count() >= 1
        answers.nth("ABCDE".index(question.right)).check()
        place.get_by_role("button", name="Lock in").click()
        place.locator(".gl-switch input").nth(1).check()
        why = next(answer.why for letter, answer in question.lettered if letter == question.right)
        expect(place.locator(".gl-checked")).to_have_text(f"Right: you said {question.right}. {why}")


def test_the_first_lesson_lets_a_reader_try_each_answer(page, site):
    opened(page, site, f"notebooks/{LESSONS[0]}.html")
    answers = page.locator(".gradlab-answers > details")
    assert answers.count() == len(_eight_lines.ANSWERS)
    for answer, text in zip(answers.all(), _eight_lines.ANSWERS, strict=True):
        assert answer.locator("summary").inner_text() == text
        assert not answer.locator("table").is_visible(), "an answer tells nothing before it is opened"
        answer.locator("summary").focus()
        page.keyboard.press("Enter")
        expect(answer.locator("table")).to_be_visible()
        gradients = _eight_lines.ANSWERS[text]()
        lost = sum(gradient is None for gradient in gradients)
        assert f"{lost} of {len(gradients)} gradients are None." in answer.locator("p").first.inner_text()
    assert page.left == [] and page.complaints == []


def test_the_self_test_tells_nothing_before_an_answer_is_opened(page, site):
    opened(page, site, "questions.html")
    answers = page.locator(".gradlab-answer")
    asked = page.locator("article section > section > section").count()
    assert asked >= len(LESSONS) and answers.count() >= 3 * asked
    said = page.get_by_text("Right.", exact=True).or_(page.get_by_text("Not so.", exact=True))
    assert said.count() == answers.count() and not any(one.is_visible() for one in said.all())
    answers.first.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(answers.first.locator("p")).to_be_visible()
    assert page.get_by_text("Right.", exact=True).count() == asked
    assert page.complaints == []


def test_a_lesson_is_worked_through_with_the_keyboard_alone(page, site):
    """From the top of the page to the next one: each thing that can be worked is reached by Tab, seen to have the focus,
    and worked by its keys."""
    places = opened(page, site, f"notebooks/{LESSONS[1]}.html")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to main content"
    page.keyboard.press("Enter")
    worked, unseen, at = Counter(), [], {"what": ""}
    for _ in range(600):
        if at["what"] != "lock in":  # which hands the focus on to the switch
            page.keyboard.press("Tab")
        at = page.evaluate(FOCUSED)
        worked[at["what"]] += 1
        if not at["seen"]:
            unseen.append(at)
        for key in KEYS.get(at["what"], ()):
            page.keyboard.press(key)
        if at["what"] == "next page":
            break
    assert unseen == []
    page.wait_for_url(lambda address: LESSONS[1] not in address)
    page.go_back()
    page.evaluate("Promise.all(window.gradlabHosts.map((host) => host.show()))")
    assert page.locator("#gradlab-done").is_checked()
    page.locator("#gradlab-done").uncheck()
    assert worked["switch"] == worked["lock in"] == len(places) == worked["prediction"]
    knobs, tiles = (page.locator(f"[data-panel] {what}").count() for what in ("input[type=range]", ".gl-tiles canvas"))
    assert worked["knob"] >= knobs > 0 and worked["heatmap"] >= tiles > 0 and worked["strip"] >= len(places)
    assert worked["mark as done"] == 1
    assert page.complaints == []


# What has the focus, in the words of a reader, and whether it is seen to have it: an outline or a ring, on it or its label.
FOCUSED = """() => {
  const e = document.activeElement, is = (selector) => e.matches(selector);
  const what = is('.gl-switch input') ? 'switch' : is('.gl-predict input, .gl-predict select') ? 'prediction' : is('.gl-predict button') ? 'lock in'
    : is('input[type=range]') ? 'knob' : is('.gl-strip') ? 'strip' : is('.gl canvas') ? 'heatmap' : is('summary') ? 'fold' : is('#gradlab-done') ? 'mark as done'
    : is('.right-next') ? 'next page' : is('a') ? 'link' : is('button') ? 'button' : e.tagName.toLowerCase() + '.' + e.className;
  const ring = (node) => { const s = getComputedStyle(node); return s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) > 0 || s.boxShadow !== 'none'; };
  const box = e.getBoundingClientRect();
  return { what, text: e.textContent.slice(0, 40), seen: box.width > 0 && (ring(e) || Boolean(e.closest('label') && ring(e.closest('label')))) };
}"""
KEYS = {"switch": ["ArrowRight"], "prediction": ["Space"], "lock in": ["Enter"], "knob": ["End"], "strip": ["ArrowRight"], "heatmap": ["ArrowRight"],
        "fold": ["Enter"], "mark as done": ["Space"], "next page": ["Enter"]}  # fmt: skip


def test_the_first_screen_is_a_panel_and_a_question(page, site):
    place = opened(page, site, "index.html")[0]
    box = place.bounding_box()
    assert box["y"] + box["height"] < 900
    assert "?" in page.locator("article p").first.inner_text()
    wrapped = page.locator(".gl-long code.gl-text").first  # the theme's own padding of code is not in its way
    assert wrapped.evaluate("e => parseFloat(getComputedStyle(e).paddingLeft) > 20")


def test_positions_in_the_browser_are_those_of_a_live_run_bit_for_bit(page, site):
    for name in ("straight_through", "integer_cast"):
        opened(page, site, f"scenarios/{name}.html")
        found = read_back(page, name)
        panel = gradlab.Panel(name)
        for one in found[:: max(1, len(found) // 3)]:
            assert differences(one, panel) == []
        # One bit of one number is seen, and so is one size in the margin.
        changed = copy.deepcopy(found[0])
        changed["data"] = changed["data"].copy()
        changed["data"].view(np.uint32)[-1] ^= 1
        assert differences(changed, panel) == ["the numbers"]
        changed = copy.deepcopy(found[0])
        line = next(
            n for n, m in changed["scene"]["sides"][0]["margin"].items() if m["cells"] and m["cells"][0]["norm"]
        )
        changed["scene"]["sides"][0]["margin"][line]["cells"][0]["norm"] *= 1.000001
        assert differences(changed, panel) == [f"line {line}: cells"]


def test_a_sample_of_200_positions_of_all_panels_is_that_of_a_live_run(page, site):
    """Computed and packed as a site's are, unpacked by the page's JavaScript, held against a process that keeps nothing. All of them: weekly."""
    opened(page, site, "scenarios/integer_cast.html")
    packed, live, known = {}, {}, {}
    with farm.workers(1) as computing, farm.workers(1) as measuring:
        for name in sorted(all_names(), key=lambda name: name in BASES):  # bases first
            base = Base(BASES[name], packed[BASES[name]]) if name in BASES else None
            packed[name], known[name] = computing.submit(as_a_site_computes, name, 4, base).result()
            found = [{**one, "knobs": at} for one, at in zip(read_back(page, name, packed), known[name], strict=True)]
            live[name] = measuring.submit(unlike_a_live_run, name, found)
        assert {name: wrong.result() for name, wrong in live.items() if wrong.result()} == {}
        # The base of another build is told, and one bit of one number of one position is seen.
        with pytest.raises(
            Error, match=r"two_tapes is damaged \(it was not built together with panels/stateful_layer\.js\)"
        ):
            read_back(page, "two_tapes", {**packed, "stateful_layer": packed["integer_cast"]})
        found[-1]["data"] = found[-1]["data"].copy()
        found[-1]["data"].view(np.uint32)[-1] ^= 1
        assert measuring.submit(unlike_a_live_run, name, found).result() == [(found[-1]["knobs"], ["the numbers"])]
    assert sum(len(knobs) for knobs in known.values()) == 200


def test_python_and_the_browser_unpack_alike(page, site):
    opened(page, site, "scenarios/integer_cast.html")
    unpacked_alike(page, site, "integer_cast")


def packed_in(site, name):
    return re.search(r'= "([^"]+)";', (site / f"_static/panels/{name}.js").read_text(encoding="utf-8"))[1]


def unpacked_alike(page, site, name):
    mine = unpack(packed_in(site, name), packed_in(site, BASES[name]) if name in BASES else None)["positions"]
    for one, two in zip(read_back(page, name), mine, strict=True):
        assert one["scene"] == two["scene"] and one["data"].tobytes() == two["data"].tobytes(), one["knobs"]


def test_a_link_restores_a_position_and_every_move_rewrites_it(page, site):
    place = opened(page, site, "scenarios/integer_cast.html")[0]
    place.locator(".gl-switch input").nth(1).check()
    place.get_by_role("slider", name="steps").press("Home")
    address = page.evaluate("location.hash")
    assert address == "#panel=integer_cast&bug=on&steps=1&units=4"
    before = picture(place)
    again = opened(page, site, f"scenarios/integer_cast.html{address}")[0]
    assert picture(again) == before
    # In a lesson it also goes there; and a link on the same page is followed.
    lesson = f"notebooks/{LESSONS[1]}.html"
    places = opened(page, site, f"{lesson}#panel=straight_through&bug=on&units=8&predict=off")
    page.wait_for_timeout(300)
    assert 0 <= places[1].bounding_box()["y"] < 200
    page.evaluate("location.hash = '#panel=py_function_numpy&bug=on&predict=off'")
    expect(places[0].locator(".gl")).to_have_attribute("data-position", "1")
    assert page.complaints == []


def test_a_link_to_what_the_page_does_not_hold_says_what_is_shown(page, site):
    said = "[data-panel] .gradlab-corrected"
    odd = opened(page, site, "scenarios/integer_cast.html#panel=integer_cast&bug=maybe&steps=999&units=4&nothing=1")[0]
    assert odd.get_by_role("slider", name="steps").input_value() == "12"
    expect(odd.get_by_role("status").first).to_have_text(
        "The link does not fit this page: bug=maybe is neither on nor off. steps=999 is not on this page; steps=12 is shown. "
        "nothing is no knob of this panel."
    )
    assert page.evaluate("location.hash") == "#panel=integer_cast&bug=off&steps=12&units=4"
    page.evaluate("location.hash = '#panel=integer_cast&bug=on&steps=1&units=4'")  # which is there
    expect(page.locator(said)).to_have_text("")
    page.evaluate("location.hash = '#panel=integer_cast&bug=on&steps=2&units=4'")
    expect(page.locator(said)).to_contain_text("steps=2 is not on this page; steps=1 is shown")
    odd.locator(".gl-switch input").nth(0).check()
    expect(page.locator(said)).to_have_text("")  # it was about the position before
    opened(page, site, "scenarios/integer_cast.html#panel=rounding&bug=on")
    expect(page.locator(".gradlab-unknown")).to_contain_text("the panel rounding, which this page does not have")
    assert page.complaints == []


@pytest.mark.parametrize("doc", ["docs/teaching.md", "docs/site.md"])
def test_the_links_that_the_docs_show_open_what_they_say(page, site, doc):
    """Each address with a position in the docs, on the page that it names, or that of its panel."""
    text = (ROOT / doc).read_text(encoding="utf-8").replace("&amp;", "&")
    found = re.findall(r"((?:\w+/)?\w+\.html|)(#panel=(\w+)&[\w=&]+)", text)
    assert found
    for address, hash, panel in found:
        (place,) = opened(page, site, f"{address or f'scenarios/{panel}.html'}{hash}")
        expect(place.locator(".gradlab-corrected")).to_have_text("")
        wanted = dict(word.split("=") for word in hash[1:].split("&") if "=" in word)
        shown = dict(word.split("=") for word in page.evaluate("location.hash")[1:].split("&") if "=" in word)
        assert wanted.items() <= shown.items()
        position = "1" if wanted.get("bug") == "on" else "0"
        expect(place.locator(".gl")).to_have_attribute("data-position", position)


def test_a_link_and_a_reload_ask_the_question_first(page, site):
    lesson, panel = f"notebooks/{LESSONS[1]}.html", "[data-panel=straight_through]"
    opened(page, site, lesson)
    place = page.locator(panel)
    last = place.get_by_role("slider", name="units").get_attribute("max")  # an end is on every page
    opened(page, site, f"{lesson}#panel=straight_through&bug=on&units={last}")
    switch = place.locator(".gl-switch input")
    expect(place.locator(".gl-predict")).to_have_count(1)
    assert switch.nth(0).is_checked() and switch.nth(1).is_disabled()
    assert place.get_by_role("slider", name="units").input_value() == last
    expect(place.locator(".gradlab-corrected")).to_have_text("Lock in your answer first, then flip the switch.")
    place.get_by_role("slider", name="units").press("Home")  # which writes the address
    page.reload()
    page.evaluate("Promise.all(window.gradlabHosts.map((host) => host.show()))")
    expect(place.locator(".gl-predict")).to_have_count(1)
    assert switch.nth(1).is_disabled()
    flip(place)
    assert "predict=off" in page.evaluate("location.hash")
    before = picture(place)[:-1]
    page.reload()
    page.evaluate("Promise.all(window.gradlabHosts.map((host) => host.show()))")
    expect(place.locator(".gl-predict")).to_have_count(0)
    assert picture(place)[:-1] == before
    # A link on the same page that leaves the question out.
    places = opened(page, site, lesson)
    page.evaluate("location.hash = '#panel=straight_through&bug=on&predict=off'")
    expect(place.locator(".gl")).to_have_attribute("data-position", "1")
    assert len(places) == page.locator(".gl").count()
    assert page.complaints == []


def test_every_answer_of_a_question_is_seen_at_every_width(page, site):
    cut = "(p) => { const box = p.querySelector('.gl-outcomes'); return box.scrollHeight - box.clientHeight; }"
    try:
        for width in (1366, 1024, 700, 390):
            page.set_viewport_size({"width": width, "height": 768})
            for place in opened(page, site, f"notebooks/{LESSONS[1]}.html"):
                assert place.evaluate(cut) <= 1, width
                if width == 1366:
                    before = place.locator(".gl").bounding_box()["height"]
                    assert before <= 620
                    flip(place)
                    assert place.locator(".gl").bounding_box()["height"] == before, "locking in moves nothing"
    finally:
        page.set_viewport_size({"width": 1280, "height": 900})


def test_tab_reaches_a_panel_that_is_not_drawn_yet(page, site):
    page.goto("about:blank")
    page.goto(f"{site.as_uri()}/notebooks/{LESSONS[1]}.html")
    place = page.locator("[data-panel]").last
    assert place.get_attribute("data-state") is None
    page.evaluate(
        "(at) => { const link = document.createElement('button'); at.before(link); link.focus({ preventScroll: true }); link.className = 'before'; }",
        place.element_handle(),
    )
    page.keyboard.press("Tab")
    expect(place).to_have_attribute("data-state", "ready")
    assert page.evaluate("document.activeElement.closest('[data-panel]')?.dataset.panel") == place.get_attribute(
        "data-panel"
    )
    page.keyboard.press("Shift+Tab")
    assert page.evaluate("document.activeElement.className") == "before", "the panel begins with what has the focus"


def test_what_a_cell_measured_is_there_and_folded(page, site):
    places = opened(page, site, f"notebooks/{LESSONS[1]}.html")
    whole = json.loads((ROOT / "notebooks/solutions" / f"{LESSONS[1]}.ipynb").read_text(encoding="utf-8"))
    cells = [cell for cell in whole["cells"] if "after" in cell["metadata"].get("tags", [])]
    assert cells and places
    for cell in cells:
        for output in cell["outputs"]:
            words = "".join(output.get("data", {}).get("text/plain", output.get("text", "")))
            line = page.get_by_text(
                next(line for line in words.splitlines() if line.strip()).strip().split("  ")[0]
            ).first
            assert not line.is_visible(), "it is told after the flip"
    page.evaluate("for (const fold of document.querySelectorAll('details')) fold.open = true")
    assert line.is_visible()


def test_a_theme_that_a_reader_chose_holds_for_the_answers_too(page, site):
    """The screen is light and the page dark: what has a style sheet of its own follows the page."""
    opened(page, site, f"notebooks/{LESSONS[0]}.html")
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    page.locator(".gradlab-answers summary").first.click()
    card = page.locator(".gradlab-answers .gradlab-lines").first
    assert card.evaluate("(e) => getComputedStyle(e).backgroundColor") == "rgb(13, 17, 23)"
    assert page.locator(".gradlab-answers").evaluate(CONTRAST) == []


def test_a_teacher_has_pages_to_print_without_an_install(page, site):
    page.goto(f"{site.as_uri()}/docs/teaching.html")
    listed = page.locator("a[href*='_static/ready/']").evaluate_all("all => all.map((a) => a.href)")
    assert len(listed) >= 3
    for address in listed:
        page.goto("about:blank")
        page.goto(address)
        if "/sheet_" in address:
            sheet = page.locator("body").inner_text()
            page.goto(address.replace("/sheet_", "/key_"))
            key = page.locator("body").inner_text()
            assert "☐ A." in sheet and "☐" not in key
            question = load_question("straight_through")
            if LESSONS[1] in address:
                assert (
                    question.answers[0].text.replace("`", "") in sheet
                    and question.answers[0].why.replace("`", "") not in sheet
                )
                assert (
                    " ".join(question.answers[0].why.replace("`", "").split()) in key and f": {question.right}" in key
                )
        elif "panel" in address:
            expect(page.locator(READY)).to_have_count(1)
    assert page.complaints == [] and page.left == []


def test_only_what_is_there_is_promised(page, site):
    for stem, panels in ((LESSONS[0], False), (LESSONS[1], True)):
        opened(page, site, f"notebooks/{stem}.html")
        assert (page.get_by_text("Every panel on this page works").count() == 1) == panels
    opened(page, site, "none.html")
    assert page.get_by_role("link", name="the decision tree").count() == 1
    assert "without the address of its repository" in page.locator("article").inner_text()


def test_the_button_fills_the_window_and_leads_back(page, site):
    place = opened(page, site, "scenarios/integer_cast.html")[0]
    place.get_by_role("button", name="Fill the window").click()
    expect(place.locator(".gl")).to_have_class(re.compile("gl-large"))
    expect(page.locator(".bd-header")).to_be_hidden()
    place.get_by_role("button", name="Back to the page").click()
    expect(page.locator(".bd-header").first).to_be_visible()
    assert "gl-large" not in place.locator(".gl").get_attribute("class")


def test_only_and_large_fill_the_window(page, site):
    place = opened(page, site, "scenarios/integer_cast.html#panel=integer_cast&bug=on&only=panel&large")[0]
    box = place.bounding_box()
    assert (box["x"], box["y"], box["width"], box["height"]) == (0, 0, 1280, 900)
    assert "gl-large" in place.locator(".gl").get_attribute("class")
    assert not page.locator(".bd-header").is_visible()
    place.locator(".gl-switch input").nth(0).check()
    assert page.evaluate("location.hash").endswith("&only=panel&large")


def test_training_is_shown_where_it_was_computed_and_refused_elsewhere(page, site):
    place = opened(page, site, "scenarios/integer_cast.html")[0]
    train = place.get_by_role("button", name=re.compile("^Train "))
    train.click()
    expect(place.locator(".gl-curves")).to_be_visible()
    place.get_by_role("slider", name="steps").press("Home")
    expect(train).to_be_disabled()
    assert "in a notebook" in train.get_attribute("title")
    expect(place.locator(".gl-curves")).to_have_count(0)


def test_a_mark_is_kept_in_the_browser_and_shown_in_the_list(page, site):
    opened(page, site, f"notebooks/{LESSONS[0]}.html")
    page.locator("#gradlab-done").check()
    opened(page, site, f"notebooks/{LESSONS[1]}.html")
    assert not page.locator("#gradlab-done").is_checked()
    assert page.locator("a.gradlab-done").count() >= 1
    opened(page, site, f"notebooks/{LESSONS[0]}.html")
    assert page.locator("#gradlab-done").is_checked()
    page.locator("#gradlab-done").uncheck()
    assert page.locator("a.gradlab-done").count() == 0


def test_search_finds_a_lesson_from_the_disk(page, site):
    opened(page, site, "search.html?q=integer")
    expect(page.locator("#search-results li").first).to_be_visible()
    assert page.complaints == []


def test_without_javascript_the_picture_and_its_words_are_there(site, browser):
    with reader(browser, java_script_enabled=False) as page:
        page.goto(f"{site.as_uri()}/index.html")
        shown = page.locator("[data-panel] img")
        assert shown.evaluate("i => i.naturalWidth") > 500
        assert "keep the value a float" in shown.get_attribute("alt")
        page.locator("[data-panel] summary").click()
        assert "kernel 3×4" in page.locator("[data-panel] pre").inner_text()
        assert page.left == []


def test_a_phone_a_dark_screen_and_paper(site, browser):
    with reader(browser, viewport={"width": 390, "height": 844}, color_scheme="dark") as page:
        place = opened(page, site, "scenarios/integer_cast.html")[0]
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        assert "gl-dark" in place.locator(".gl").get_attribute("class")
        place.locator(".gl-switch input").nth(1).check()
        page.emulate_media(media="print")
        expect(place.locator(".gl-tiles canvas").first).to_be_visible()
        expect(place.locator(".gradlab-below")).to_be_hidden()
        assert place.evaluate(CLIPPED) == [], "paper does not scroll"
        page.set_viewport_size({"width": 700, "height": 900})  # a sheet
        assert place.evaluate(CLIPPED) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_and_every_text_has_contrast(site, browser, scheme):
    with reader(browser, color_scheme=scheme) as page:
        first, lesson = (f"notebooks/{stem}.html" for stem in LESSONS)
        for address in ("index.html", lesson, "scenarios/index.html") if scheme == "light" else (first, lesson):
            for place in opened(page, site, address):
                flip(place)
                for button in place.locator(".gl-fold-button").all():
                    button.click()
                assert place.evaluate(CONTRAST) == []
            if not ABSENT:
                found = violations(page, page.locator("html"))
                assert [v for v in found if not v.startswith(OF_THE_THEME)] == []
    if ABSENT:
        pytest.skip(WHY)


def test_a_damaged_and_a_missing_panel_are_told_in_the_page(page, site, tmp_path):
    broken = tmp_path / "site"
    shutil.copytree(site, broken)
    file = broken / "_static/panels/py_function_numpy.js"
    text = file.read_text(encoding="utf-8")
    packed = re.search(r'= "([^"]+)";', text)[1]
    file.write_text(text.replace(packed, base64.b85encode(base64.b85decode(packed)[:-9]).decode()), encoding="utf-8")
    (broken / "_static/panels/numpy_function.js").unlink()
    page.goto(f"{broken.as_uri()}/notebooks/{LESSONS[1]}.html")
    assert not page.locator("[data-panel] img").last.is_visible(), "a picture tells what the panel asks"
    page.evaluate("Promise.all(window.gradlabHosts.map((host) => host.show()))")
    said = page.get_by_role("alert").all_inner_texts()
    assert "the data of the panel py_function_numpy is damaged" in said[0] and "build the site again" in said[0]
    assert "the file panels/numpy_function.js is missing" in said[1]
    assert page.locator("[data-panel] img").count() == 2, "the picture stands in for it"
    for shown in page.locator("[data-panel] img").all():
        expect(shown).to_be_visible()
    page.complaints.clear()  # the browser names the file that is not there


def test_a_second_build_computes_nothing_and_makes_the_same_site(folder, built):
    target, first = built
    before = {p.relative_to(target): p.read_bytes() for p in target.rglob("*") if p.is_file()}
    _, second = tiny(folder)
    assert (second.cost.computed, second.cost.kept) == (0, first.positions)
    after = {p.relative_to(target): p.read_bytes() for p in target.rglob("*") if p.is_file()}
    assert before == after


def test_no_page_holds_a_path_of_this_machine_or_asks_a_network(site, folder):
    for file in site.rglob("*"):
        if file.suffix not in (".html", ".js", ".css"):
            continue
        text = file.read_text(encoding="utf-8")
        if (packed := re.search(r'gradlabData.*= "([^"]+)";', text)) is not None:
            other = BASES.get(file.stem)
            found = unpack(
                packed[1], packed_in(site, other) if other and (file.parent / f"{other}.js").is_file() else None
            )
            text = repr((found["page"], found["positions"][0]["scene"], found["positions"][-1]["scene"]))
        for place in (str(folder), os.path.dirname(gradlab.__file__)):
            assert place not in text, file
        assert not re.search(r'(?:src|data)="https?://|@import\s+["\']?https?:|url\(["\']?https?:', text), file
        assert not re.search(r'<link[^>]*href="https?://', text), file


def test_one_file_holds_a_whole_panel(folder, built, tmp_path, browser):
    file = tmp_path / "panel.html"
    plan = export("integer_cast", file, folder / "cache", most=4, say=lambda line: None)
    assert file.stat().st_size < 1_000_000 and plan.count == 9
    with reader(browser) as page:
        place = opened(page, tmp_path, "panel.html#panel=integer_cast&bug=on")[0]
        try_panel(place)
        expect(page.locator(READY)).to_have_count(1)
        # Its name may be left out: the page has no other panel. The panel stays where it stands.
        page.goto("about:blank")
        place = opened(page, tmp_path, "panel.html#large")[0]
        expect(place.locator(".gl")).to_have_class(re.compile("gl-large"))
        expect(place.locator(".gl")).to_have_attribute("data-position", "0")
        place.locator(".gl-switch input").nth(1).check()
        assert page.evaluate("location.hash") == "#panel=integer_cast&bug=on&steps=6&units=4&large"
        assert page.left == [] and page.complaints == []


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The whole site. GRADLAB_SITE_CACHE names a folder with positions that were computed before; GRADLAB_SITE_MOST thins the knobs."""
    folder = tmp_path_factory.mktemp("whole")
    cache = os.environ.get("GRADLAB_SITE_CACHE") or str(folder / "cache")
    most = {"most": int(os.environ["GRADLAB_SITE_MOST"])} if os.environ.get("GRADLAB_SITE_MOST") else {}
    made = build(Options(folder / "site", ROOT, folder.__class__(cache), **most))
    return folder / "site", made


@pytest.mark.weekly
def test_the_whole_site_is_small_and_has_every_panel(whole):
    site, made = whole
    assert made.bytes < 15_000_000
    assert {f.stem for f in (site / "_static/panels").glob("*.js")} == set(all_names())
    assert {f.stem for f in (site / "scenarios").glob("*.html")} == {*all_names(), "index"}


@pytest.mark.weekly
@pytest.mark.parametrize("name", BASES)
def test_a_base_saves_a_fifth_or_more_of_a_panel(whole, name):
    """The least that is worth a second file, which a page has to read."""
    site, _ = whole
    text = packed_in(site, name)
    found = unpack(text, packed_in(site, BASES[name]))
    alone = pack(name, found["page"], found["axes"], found["positions"], found["trained"], found["start"])
    assert len(text) < 0.8 * len(alone)


@pytest.mark.weekly
@pytest.mark.parametrize("name", all_names())
def test_of_the_whole_site_this_panel_works_to_every_end(whole, page, name):
    """Of all its positions the browser has what Python packed."""
    site, _ = whole
    page.left.clear()
    page.complaints.clear()
    (place,) = opened(page, site, f"scenarios/{name}.html")
    try_panel(place)
    unpacked_alike(page, site, name)
    flip(place)
    before, here = picture(place), page.evaluate("location.hash")
    assert picture(opened(page, site, f"scenarios/{name}.html{here}")[0]) == before, here
    assert page.left == [] and page.complaints == []


@pytest.mark.weekly
def test_every_position_of_the_whole_site_is_that_of_a_live_run(whole, page, capsys):
    """A quarter of an hour in two processes."""
    site, made = whole
    live, done = {}, 0
    with farm.workers(2) as measuring:
        for name in all_names():
            opened(page, site, f"scenarios/{name}.html")
            found = read_back(page, name)
            for first in range(0, len(found), 40):
                part = found[first : first + 40]
                live[measuring.submit(unlike_a_live_run, name, part)] = (name, len(part))
        for one in as_completed(live):
            name, count = live[one]
            assert one.result() == [], name
            done += count
            with capsys.disabled():
                print(f"\n{done} of {made.positions} positions, {name}", end="", flush=True)
    assert done == made.positions


@pytest.mark.weekly
@pytest.mark.parametrize("kind", ["notebooks", "docs", "reference", "else"])
def test_of_the_whole_site_every_other_page_opens(whole, page, kind):
    site, _ = whole
    tried = {f"scenarios/{name}.html" for name in all_names()}
    folders = ("notebooks", "docs", "reference")
    of = {a: a.partition("/")[0] if a.startswith(folders) else "else" for a in pages(site) if a not in tried}
    addresses = [address for address, where in of.items() if where == kind]
    assert addresses
    for address in addresses:
        page.left.clear()
        page.complaints.clear()
        for place in opened(page, site, address):
            flip(place)
        assert page.left == [] and page.complaints == [], address
