"""Panels, driven by their traits: no browser. What the browser adds is in test_browser.py."""

import gc
from dataclasses import replace

import ipywidgets
import numpy as np
import pytest
from kerases import HERE
from samples import sampled

import gradlab
from gradlab.lab.reading import Kind
from gradlab.panel.influence_panel import InfluencePanel
from gradlab.panel.view import choice_knob, cleaned, range_knob


@pytest.fixture(scope="module")
def cast():
    return gradlab.Panel("integer_cast")


def tiles(panel, position):
    return {t["name"]: t["entries"][position] for t in panel.scene["tiles"]}


def numbers(panel, entry):
    flat = np.frombuffer(panel.data, "<f4")[1:]
    return flat[entry["offset"] : entry["offset"] + entry["rows"] * entry["columns"]]


def margin(panel, position, text):
    """The margin of the one line of code that begins with this text."""
    line = next(line for line in panel.page["code"] if line["text"].strip().startswith(text))
    return panel.scene["sides"][position]["margin"][str(line["number"])]


@pytest.mark.parametrize("name", sampled(gradlab.names(), 2, first=1))
def test_every_panel_holds_both_positions_as_measured(name):
    panel = gradlab.Panel(name)
    for position, side in enumerate(panel.sides):
        for tile, entry in tiles(panel, position).items():
            assert entry["kind"] == side[tile].kind.value
            if side[tile].values is None:
                assert entry["offset"] == -1
            elif not entry["blocks"]:
                assert np.array_equal(numbers(panel, entry), side[tile].values.astype("f4").ravel(), equal_nan=True)
            else:
                assert np.array_equal(np.sort(numbers(panel, entry)), np.sort(side[tile].values.astype("f4").ravel()))
    assert sum(line["mark"] for line in panel.page["code"]) >= 1, "the line of the switch is in sight"
    assert panel.scene["note"] == "", "the margin was recorded"
    for knob in panel.page["knobs"]:
        if knob["type"] == "range":
            steps = (knob["start"] - knob["low"]) / knob["step"]
            assert abs(steps - round(steps)) < 1e-6, "the browser would move it, and measure anew"
    panel.close()


def test_flipping_neither_rescales_nor_recomputes(cast):
    scene, data = cast.scene, cast.data
    cast.flip(True)
    assert cast.bug and repr(cast) == "Panel(integer_cast, bug=True)"
    assert cast.scene is scene and cast.data is data
    cast.flip(False)
    assert not cast.bug


def test_a_knob_measures_anew_at_both_positions_on_the_same_scale():
    panel = gradlab.Panel("integer_cast", steps=3)
    assert panel.knobs == {"steps": 3, "units": 4} and tiles(panel, 0)["kernel"]["shape"] == [3, 4]
    assert len(margin(panel, 0, "h, _ = cell")["cells"]) == 3
    before, scale = panel.data, (panel.scene["low"], panel.scene["high"])
    panel.turn(units=7)
    assert panel.data != before and (panel.scene["low"], panel.scene["high"]) == scale
    assert tiles(panel, 0)["kernel"]["shape"] == tiles(panel, 1)["kernel"]["shape"] == [3, 7]
    assert not panel.scene["stale"]


def test_the_margin_is_that_of_both_positions(cast):
    off, on = (margin(cast, position, "h, _ = cell") for position in (0, 1))
    assert [c["kind"] for c in off["cells"]] == ["ok"] * 6 and [c["kind"] for c in on["cells"]] == ["none"] * 6
    assert off["bracket"] == "in" and margin(cast, 0, "def run")["bracket"] == ""
    assert {r["name"]: r["kind"] for r in on["reads"]} == {"kernel": "none", "recurrent_kernel": "none", "bias": "none"}
    assert "norm 2.6" in margin(cast, 0, "level = 10")["cells"][0]["words"]


def test_a_value_from_the_page_is_not_trusted():
    steps, radius = range_knob("steps", 1, 9, 4), range_knob("radius", 0.1, 2.0, 0.5)
    assert [cleaned(steps, v) for v in (3, 3.4, 99, -5, "x", None, True, float("nan"))] == [3, 3, 9, 1, 4, 4, 4, 4]
    assert [cleaned(radius, v) for v in (1, 5.0, [], float("inf"))] == [1.0, 2.0, 0.5, 0.5]
    choice = choice_knob("op", ("floor", "round"), "round")
    assert [cleaned(choice, v) for v in ("floor", "rm -rf", 0)] == ["floor", "round", "round"]
    panel = gradlab.Panel("integer_cast")
    panel.knobs = {"steps": 10**9, "else": 1}
    assert panel.knobs == {"steps": panel.page["knobs"][0]["high"], "units": 4}


def test_an_unknown_knob_is_refused_by_name(cast):
    with pytest.raises(LookupError, match=r"no knob `stepz`.*steps"):
        cast.turn(stepz=1)
    with pytest.raises(LookupError, match=r"no knob `stepz`.*steps"):
        gradlab.Panel("integer_cast", stepz=1)


def test_the_verdict_is_the_one_of_this_run():
    assert gradlab.Panel("integer_cast").scene["verdict"] == "confirmed"
    never_broken = replace(
        gradlab.load("integer_cast"), run=lambda bug, **things: gradlab.load("integer_cast").run(False, **things)
    )
    assert gradlab.Panel(never_broken).scene["verdict"] == "refuted"


def test_a_claim_about_a_place_is_judged_by_what_it_says_of_each_place():
    panel = gradlab.Panel("raw_variable")
    said = {"__init__": panel.scene["verdict"]}
    panel.turn(where="build")
    said["build"] = panel.scene["verdict"]
    rows = dict(panel.scene["evidence"])
    assert rows["It predicts, for “tf.Variable(...)”"] == "ok for w"
    assert said == (
        {"__init__": "confirmed", "build": "refuted"} if HERE == 3 else {"__init__": "refuted", "build": "confirmed"}
    )


def test_the_two_lists_of_variables_stand_side_by_side():
    rows = dict(gradlab.Panel("raw_variable").scene["evidence"])
    assert rows["Watched by the tape"] == "w 3×4"
    assert rows["In the list of variables"] == ("nothing: the list is empty" if HERE == 3 else "w")


def test_training_shows_the_loss_and_how_far_each_weight_moved_at_each_step():
    panel = gradlab.Panel("integer_cast")
    seen = []
    panel.observe(lambda change: seen.append(change["new"]), "progress")
    panel.train()
    steps = panel.scenario.training_steps
    assert seen[0] == [0, 2 * steps] and seen[-1] == [2 * steps, 2 * steps] and len(seen) > steps
    assert [len(curve) for curve in panel.trained["losses"]] == [steps + 1] * 2
    kernel = panel.trained["weights"][0]
    assert kernel["name"] == "kernel" and len(kernel["moved"][0]) == steps and kernel["moved"][0][-1] > 0
    assert kernel["words"][1] == "never moved" and not any(kernel["moved"][1])
    panel.turn(units=5)
    assert panel.trained == {}, "curves of other knobs would be wrong"


def test_the_key_tells_the_marks_that_are_on_the_scale():
    """float32's limits are far below the gradients of most scenarios."""
    assert gradlab.Panel("integer_cast").scene["limits"] == []
    wide = gradlab.Panel("watched_state").scene
    assert [limit["words"].split(":")[0] for limit in wide["limits"]] == ["6e-8"]


def test_training_is_off_where_there_is_nothing_to_train():
    panel = gradlab.Panel("timestep_jacobian")
    assert "no scalar loss" in panel.scene["untrainable"]
    panel.train()
    assert panel.trained == {}


def test_the_page_asks_and_is_answered():
    panel = gradlab.Panel("integer_cast")
    sent = []
    panel.send = lambda content, buffers=None: sent.append(content)
    panel._heard(panel, {"ask": "ping"}, [])
    assert sent == [{"pong": True}]
    panel.set_state({"asked": 3, "knobs": {"steps": 2, "units": 4}})
    assert panel.answered == 3 and panel.knobs["steps"] == 2 and not panel.working
    panel._heard(panel, {"ask": "train", "n": 4}, [])
    assert panel.answered == 4 and panel.trained["losses"]
    for nonsense in ({}, "x", None, {"ask": "rm"}, {"ask": ["train"]}):
        panel._heard(panel, nonsense, [])


def broken(bug, **things):
    raise RuntimeError("<b>mine</b>")


def test_an_exception_is_shown_as_text_and_the_panel_goes_on(monkeypatch):
    monkeypatch.delenv("GRADLAB_STRICT")
    ends = {"fail": False}
    run = gradlab.load("integer_cast").run
    panel = gradlab.Panel(
        replace(gradlab.load("integer_cast"), run=lambda bug, **t: broken(bug) if ends["fail"] else run(bug, **t))
    )
    assert [side["error"] for side in panel.scene["sides"]] == [None, None]
    ends["fail"] = True
    panel.turn(steps=3)
    assert panel.scene["sides"][0]["error"]["sentence"] == "RuntimeError: <b>mine</b>"
    assert tiles(panel, 0)["run"]["kind"] == Kind.RAISES.value
    panel.train()
    assert panel.trained == {} and "raises an exception" in panel.scene["untrainable"]
    ends["fail"] = False
    panel.turn(steps=4)
    assert panel.scene["sides"][0]["error"] is None and tiles(panel, 0)["kernel"]["kind"] == "ok"


def test_headless_an_unannounced_exception_fails_the_notebook():
    with pytest.raises(RuntimeError, match="mine"):
        gradlab.Panel(replace(gradlab.load("integer_cast"), run=broken))


def test_an_announced_exception_is_a_result_and_not_a_failure():
    panel = gradlab.Panel("cell_state_attribute")
    assert "cell_state" in panel.scene["sides"][1]["error"]["sentence"]
    assert tiles(panel, 1)["d c_T / d x"]["kind"] == "raises"
    assert "cell_state" in margin(panel, 1, "c = lstm.cell_state")["raised"]


def test_without_a_browser_there_is_a_picture_with_words(cast):
    bundle, metadata = cast._repr_mimebundle_()
    assert bundle["image/png"].startswith("iVBOR")
    assert "cast it to int32 and back:\n  kernel 3×4: ∅ None" in bundle["text/plain"]
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert "∅ None" in metadata["image/png"]["alt"], "the words of the image in a page that nbconvert makes"


def test_with_a_prediction_the_picture_keeps_the_answer_and_python_has_it():
    panel = gradlab.Panel("integer_cast", predict=True)
    text = panel._repr_mimebundle_()[0]["text/plain"]
    assert "keep the value a float" in text and "∅" not in text and "cast it" not in text
    assert "kernel 3×4: ∅ None" in panel.words()
    assert panel.page["predict"] and panel.scene["sides"][1]["groups"] == [
        {"kind": "none", "names": ["kernel", "recurrent_kernel", "bias"]}
    ]
    assert [a["right"] for a in panel.page["question"]["answers"]] == [False, False, True, False]
    assert gradlab.Panel("integer_cast", predict="kinds").page["question"] is None
    from_on = gradlab.Panel("integer_cast", bug=True, predict=True)._repr_mimebundle_()[0]["text/plain"]
    assert "✓" not in from_on and "∅" in from_on


HOSTILE = "$\\vec$ <img src=x onerror=alert(1)>\"' & \x00"


def test_no_text_of_a_scenario_makes_a_panel_fail():
    panel = gradlab.Panel(
        replace(
            gradlab.load("integer_cast"),
            title=HOSTILE,
            claim=HOSTILE,
            claims=(HOSTILE,),
            switch=(HOSTILE, HOSTILE + "2"),
        )
    )
    assert panel._repr_mimebundle_()[0]["image/png"]
    assert panel.page["title"] == HOSTILE, "text stays text; the page writes it as such"


@pytest.mark.parametrize("make", [lambda: gradlab.Panel("python_if"), lambda: InfluencePanel(steps=3)])
def test_the_page_is_told_of_a_panel_when_it_is_whole(make, monkeypatch):
    """JupyterLab may draw from a copy of the first state that no later message reaches: that one must be enough."""
    states = []
    real = ipywidgets.Widget.open
    monkeypatch.setattr(ipywidgets.Widget, "open", lambda self: (states.append(self.get_state()), real(self))[1])
    panel = make()
    mine = [s for s in states if "scene" in s]
    assert len(mine) == 1 and mine[0]["scene"] == panel.scene and bytes(mine[0]["data"]) == panel.data
    assert mine[0]["page"] == panel.page and panel.comm is not None


def test_a_page_that_missed_a_run_gets_it_with_the_answer_to_its_ping(monkeypatch):
    panel, sent = InfluencePanel(steps=3), []
    monkeypatch.setattr(panel, "send_state", sent.append)
    monkeypatch.setattr(panel, "send", sent.append)
    panel._heard(None, {"ask": "ping", "stamp": panel.scene["stamp"]}, None)
    panel._heard(None, {"ask": "ping", "stamp": 0}, None)
    assert sent == [{"pong": True}, ["scene", "data"], {"pong": True}]


def test_a_closed_panel_leaves_no_widget_alive():
    gc.collect()
    before = len(ipywidgets.widgets.widget._instances)
    for panel in [gradlab.Panel("python_if"), InfluencePanel(steps=3)]:
        panel.close()
    assert len(ipywidgets.widgets.widget._instances) == before


def test_an_unknown_scenario_is_refused():
    with pytest.raises(LookupError, match="no scenario"):
        gradlab.Panel("nothing_of_that_name")


@pytest.mark.parametrize(
    ("off", "on", "moved", "level", "words"),
    [
        ((2.0, 0.5), (2.0, 2.0), 0.0, 0.5, "no step with the switch on comes down to 0.5"),
        ((2.0, 0.5), (2.0, 0.501), 0.0, None, "though with the switch on w never moved"),
        ((2.0, 0.5), (2.0, 0.501), 1.0, None, "both come down alike"),
        ((2.0, 0.5), (1.0, 1.0), 0.0, None, "differ before the first step"),
        ((2.0, 0.5), (2.0, float("nan")), 0.0, None, "not finite"),
    ],
)
def test_training_says_what_the_two_curves_say_of_each_other(off, on, moved, level, words):
    from gradlab.lab.training import History
    from gradlab.panel.trained import trained

    found = trained([History(off, {"w": 1.0}, {"w": (1.0,)}), History(on, {"w": moved}, {"w": (moved,)})])
    assert found["level"] == level and words in found["verdict"]


def test_a_knob_that_is_back_before_it_was_heard_is_answered():
    panel = gradlab.Panel("integer_cast", steps=2, units=2)
    data = panel.data
    panel.set_state({"knobs": {"steps": 2, "units": 2}, "asked": 3})
    assert panel.answered == 3 and panel.data is data, "answered without a measurement"
    panel.set_state({"knobs": {"steps": 3, "units": 2}, "asked": 4})
    assert panel.answered == 4 and panel.data is not data
