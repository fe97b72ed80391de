"""Panels, driven by their traits: no browser. What the browser adds is in test_browser.py."""

import re
from dataclasses import replace

import numpy as np
import pytest
from kerases import HERE

import gradlab
from gradlab.lab.reading import Kind
from gradlab.panel.panel import STEPS


@pytest.fixture(scope="module")
def cast():
    return gradlab.Panel("integer_cast")


def tiles(panel, position):
    return {t["name"]: t["entries"][position] for t in panel._heat.scene["tiles"]}


def numbers(panel, entry):
    flat = np.frombuffer(panel._heat.data, "<f4")
    return flat[entry["offset"] : entry["offset"] + entry["rows"] * entry["columns"]]


@pytest.mark.parametrize("name", gradlab.names())
def test_every_panel_holds_both_positions_as_measured(name):
    panel = gradlab.Panel(name)
    for position, side in enumerate(panel.sides):
        for tile, entry in tiles(panel, position).items():
            assert entry["kind"] == side[tile].kind.value
            if side[tile].values is not None:
                assert np.array_equal(numbers(panel, entry), side[tile].values.astype("f4").ravel(), equal_nan=True)
            else:
                assert entry["offset"] == -1


def test_flipping_moves_switch_and_heatmap_together(cast):
    cast.flip(True)
    assert (cast.bug, cast._heat.position, cast._switch.index) == (True, 1, 1)
    assert repr(cast) == "Panel(integer_cast, bug=True)"
    cast.flip(False)
    assert (cast.bug, cast._heat.position) == (False, 0)


def test_a_flip_does_not_rescale_and_does_not_recompute(cast):
    scene, data = cast._heat.scene, cast._heat.data
    cast.flip(True)
    assert cast._heat.scene is scene and cast._heat.data is data
    cast.flip(False)


def test_a_knob_measures_anew_at_both_positions():
    panel = gradlab.Panel("integer_cast")
    before = panel._heat.data
    panel.turn(units=7)
    assert panel._heat.data != before
    assert tiles(panel, 0)["kernel"]["shape"] == tiles(panel, 1)["kernel"]["shape"] == [3, 7]


@pytest.mark.parametrize("name", gradlab.names())
def test_every_slider_starts_on_one_of_its_own_steps(name):
    for knob in gradlab.Panel(name)._knobs.values():
        if hasattr(knob, "step"):
            steps = (knob.value - knob.min) / knob.step
            assert abs(steps - round(steps)) < 1e-6, "the browser would move it, and measure anew"


def test_an_unknown_knob_is_refused_by_name(cast):
    with pytest.raises(LookupError, match=r"no knob `stepz`.*steps"):
        cast.turn(stepz=1)


def test_the_verdict_is_the_one_of_this_run():
    confirmed = gradlab.Panel("integer_cast")
    assert "<b>confirmed</b>" in confirmed._verdict.value
    never_broken = replace(
        gradlab.load("integer_cast"), run=lambda bug, **things: gradlab.load("integer_cast").run(False, **things)
    )
    assert "<b>refuted</b>" in gradlab.Panel(never_broken)._verdict.value


def test_the_two_lists_of_variables_stand_side_by_side():
    text = re.sub("<[^>]+>", " ", gradlab.Panel("raw_variable")._verdict.value)
    listed = "nothing: the list is empty" if HERE == 3 else "w"
    assert re.search(rf"Watched by the tape\s+w 3×4\s+In the list of variables\s+{listed}\s*$", text)


def test_training_shows_the_loss_and_how_far_each_weight_moved():
    panel = gradlab.Panel("integer_cast")
    seen = []
    panel._progress.observe(lambda change: seen.append(change["new"]), "value")
    panel.train()
    assert seen[-1] == 2 * STEPS == panel._progress.max
    assert "kernel moved" in panel._trained.value and "<svg role=" in panel._trained.value
    assert not panel._train.disabled


def test_training_is_off_where_there_is_nothing_to_train():
    panel = gradlab.Panel("timestep_jacobian")
    assert panel._train.disabled and "no scalar loss" in panel._train.tooltip


def broken(bug, **things):
    raise RuntimeError("<b>mine</b>")


def test_an_exception_is_shown_escaped_and_the_panel_goes_on(monkeypatch):
    monkeypatch.delenv("GRADLAB_STRICT")
    ends = {"fail": False}
    run = gradlab.load("integer_cast").run
    panel = gradlab.Panel(
        replace(gradlab.load("integer_cast"), run=lambda bug, **t: broken(bug) if ends["fail"] else run(bug, **t))
    )
    assert panel._error.value == ""
    ends["fail"] = True
    panel.turn(steps=3)
    assert "&lt;b&gt;mine&lt;/b&gt;" in panel._error.value and "<details>" in panel._error.value
    assert 'role="alert"' in panel._error.value
    assert tiles(panel, 0)["run"]["kind"] == Kind.RAISES.value
    panel.train()
    assert "Training stopped" in panel._trained.value
    ends["fail"] = False
    panel.turn(steps=4)
    assert panel._error.value == "" and tiles(panel, 0)["kernel"]["kind"] == "ok"


def test_headless_an_unannounced_exception_fails_the_notebook():
    with pytest.raises(RuntimeError, match="mine"):
        gradlab.Panel(replace(gradlab.load("integer_cast"), run=broken))


def test_an_announced_exception_is_a_result_and_not_a_failure():
    panel = gradlab.Panel("cell_state_attribute")
    assert "cell_state" in panel._error.value
    assert tiles(panel, 1)["d c_T / d x"]["kind"] == "raises"


def test_without_a_browser_there_is_a_picture_with_words(cast):
    bundle = cast._repr_mimebundle_()
    assert bundle["image/png"].startswith("iVBOR")
    assert "cast it to int32 and back:\n  kernel 3×4: ∅ None" in bundle["text/plain"]
    assert "application/vnd.jupyter.widget-view+json" in bundle


def test_an_unknown_scenario_is_refused():
    with pytest.raises(LookupError, match="no scenario"):
        gradlab.Panel("nothing_of_that_name")
