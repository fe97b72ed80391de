"""The line that the doctor finds in a scenario, against where its switch stands and against lines written down here."""

import ast
import inspect
import random
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from kerases import GROUP, HERE, OTHER, scenarios_there
from samples import sampled

import gradlab
from gradlab.doctor import Diagnosis, Report
from gradlab.doctor.certainty import Certainty
from gradlab.doctor.recording.frames import Place
from gradlab.doctor.rules import causes
from gradlab.lab import blamed_line
from gradlab.lab.reading import Kind
from gradlab.lab.scenario import MARK
from gradlab.lines.api import of_scenario
from gradlab.panel.scene import compared
from gradlab.panel.words import broken, cut_words

# The cut is not in the switch's own block, and the line that cuts is another one. Written by reading the scenario.
ELSEWHERE = {
    "all_masked": "h = layer(x, mask=real)",  # the switch makes the mask, the layer obeys it
    "bidirectional_state": "guess = model([x, y])",  # Keras 3 builds the wrong model and refuses it when called
    "computed_state": "before = encoder(facts)",  # before the tape; the switch only picks it up
    "dead_relu": "y = activation(x @ kernel + bias)",  # the switch chooses the function, this line applies it
    "encoder_before_tape": "early = encoder(x)",
    "flat_function": 'flat = {"clip": lambda v: tf.clip_by_value(v, 20.0, 30.0), "sign": tf.sign}[op]',  # runs in a lambda
    "ignored_encoder": "_, h, c = encoder(x)",  # the last line that uses the encoder's weights
    "initial_state": "h, _ = cell(x[:, t], [h])",  # the zero state meets the recurrent kernel here
    "learned_state": "h = tf.identity(h0)",  # the first use of a tensor that nobody watches
    "one_state_for_two": "guess = model([x, y])",
    "py_function_numpy": "y = tf.py_function(positive, [scale], tf.float32) * tf.tanh(x @ weights)",
    "states_before_tape": "_, _, before = lstm(x)",
    "tape_used_twice": 'gradients = {"d h_T / d x": tape.gradient(hidden, x), "d c_T / d x": tape.gradient(carried, x)}',
    "two_tapes": "_, h, c = lstm(x1)",  # under the first tape, so before the second
    "watched_state": "output = lstm(x, initial_state=[h, c])",  # the first use of tensors that nobody watches
}
# Sources without a line, and why none is there.
NOT_FOUND = {
    "summed_over_units": {"share of each unit"},  # no cut: another question was asked, and `run` has no scalar loss
    "timestep_jacobian": {"d h_t / d x_t"},  # the same
    "two_tapes": {"kernel", "recurrent_kernel", "bias"},  # under the tape that was asked, nothing is lost
}
# Legacy Keras refuses these while the model is built, before a tape is asked for anything.
BUILT = ("bidirectional_state", "one_state_for_two")


def with_a_cut(keras):
    return [n for n in gradlab.names() if set(gradlab.load(n).expected(keras)[1].values()) & set(blamed_line.CUT)]


def numbers_of_switch(scenario):
    """Line numbers of the marked line and, where it is an `if`, of both its branches."""
    lines, start = inspect.getsourcelines(scenario.run)
    marked = next(i for i, line in enumerate(lines, 1) if MARK in line)
    for node in ast.walk(ast.parse("".join(lines))):
        if isinstance(node, ast.If) and node.lineno == marked:
            return set(range(start + marked - 1, start + node.end_lineno))
    return {start + marked - 1}


def own_lines(scenario):
    """Line number -> text of what a learner reads: `setup` and `run`."""
    found = {}
    for part in (scenario.setup, scenario.run):
        lines, start = inspect.getsourcelines(part)
        found |= {start + i: line.strip() for i, line in enumerate(lines)}
    return found


def check(name, kinds, found, keras):
    """`found`: source -> (line, number), as measured under that version of Keras."""
    scenario = gradlab.load(name)
    absent = set(kinds) if keras == 2 and name in BUILT else NOT_FOUND.get(name, set())
    assert set(found) == {n for n, kind in kinds.items() if Kind(kind) in blamed_line.CUT} - absent
    own, switch = own_lines(scenario), numbers_of_switch(scenario)
    for source, (line, number) in found.items():
        assert own[number] == line, source
        if name in ELSEWHERE:
            assert line == ELSEWHERE[name] and number not in switch, source
        else:
            assert number in switch, f"{source}: {line}"


@pytest.mark.parametrize("name", sampled(with_a_cut(HERE), 2))  # under the other Keras: all
def test_the_line_is_where_the_switch_cuts(name):
    scenario = gradlab.load(name)
    side = gradlab.compare(name)[1]
    found = blamed_line.find(scenario, side, None, {})
    check(name, side.kinds, {n: (c.line, c.number) for n, c in found.items()}, HERE)
    assert all(c.cause in causes() and c.words and c.fix for c in found.values())


def test_every_written_line_belongs_to_a_scenario_that_is_checked():
    assert {*ELSEWHERE, *NOT_FOUND} <= set(with_a_cut(HERE))


@pytest.mark.xdist_group(GROUP)
@pytest.mark.parametrize("name", with_a_cut(OTHER))
def test_the_line_is_the_same_under_the_other_keras(name):
    there = scenarios_there()[name]
    check(name, there["kinds"], there["cuts"], OTHER)


def test_a_source_that_is_not_listed_or_fine_has_no_line():
    for name in ("raw_variable", "unbuilt_layer", "layer_in_call", "python_list"):
        assert blamed_line.cuts(name) == {}


def test_a_switch_without_effect_has_no_line():
    scenario = gradlab.load("integer_cast")
    assert blamed_line.cuts(replace(scenario, run=lambda bug, **things: scenario.run(False, **things))) == {}


def test_a_line_in_another_file_is_not_taken():
    scenario = gradlab.load("integer_cast")
    assert blamed_line.cuts(replace(scenario, run=lambda bug, **things: scenario.run(bug, **things))) == {}


@pytest.mark.parametrize(
    ("status", "certainty"),
    [
        (Kind.OK, Certainty.CERTAIN),
        (Kind.ZERO, Certainty.CERTAIN),
        (Kind.WRONG, Certainty.CERTAIN),
        (Kind.NONE, Certainty.POSSIBLE),
    ],
)
def test_a_row_that_contradicts_the_measurement_or_is_unsure_is_not_shown(monkeypatch, status, certainty):
    own = gradlab.load("integer_cast").run.__code__
    row = Diagnosis("kernel", status, "before-tape", [Place(own.co_filename, own.co_firstlineno)], certainty=certainty)
    monkeypatch.setattr(blamed_line, "explain_last", lambda contradicted: Report([row]))
    panel = gradlab.Panel("integer_cast")
    assert panel.sides[1]["kernel"].kind is Kind.NONE
    assert panel.find_cut() == {}
    assert panel.scene["cut"] == "the doctor found no line for kernel, recurrent_kernel, bias"
    assert not any(margin["cut"] for margin in panel.scene["sides"][1]["margin"].values())
    row.status, row.certainty = Kind.NONE, Certainty.CERTAIN  # the same row with the measured status is
    assert blamed_line.find(panel.scenario, panel.sides[1], None, {})["kernel"].line.startswith("def run")


def test_the_scenario_runs_once_and_the_doctor_is_told_what_was_measured(monkeypatch):
    runs, told = [], []
    scenario = gradlab.load("far_past")
    real = blamed_line.explain_last
    monkeypatch.setattr(blamed_line, "explain_last", lambda names: told.append(names) or real(names))
    side = gradlab.compare("far_past")[1]
    counted = replace(scenario, run=lambda bug, **things: runs.append(bug) or scenario.run(bug, **things))
    blamed_line.find(counted, side, None, {})
    assert runs == [True]
    assert told == [[n for n, kind in side.kinds.items() if kind is Kind.WRONG]] and told[0]


def test_looking_changes_no_generator_and_prints_nothing(capfd):
    side = gradlab.compare("far_past")[1]

    def drawn(look):
        random.seed(5), np.random.seed(5), tf.random.set_seed(5)
        tf.random.normal(())
        look()
        return random.random(), np.random.rand(), float(tf.random.normal(()))

    before = drawn(lambda: None)
    assert drawn(lambda: blamed_line.find(gradlab.load("far_past"), side, None, {})) == before
    assert drawn(lambda: of_scenario("far_past", True)) == before
    assert capfd.readouterr() == ("", "")


def row_cut(panel):
    return dict(panel.scene["evidence"]).get("Cut at", "")


def test_the_panel_names_the_line_when_asked():
    panel = gradlab.Panel("integer_cast")
    assert row_cut(panel) == "" == panel.scene["cut"]  # headless, nothing happens unasked
    found = panel.find_cut()
    assert set(found) == {"kernel", "recurrent_kernel", "bias"}
    number = found["kernel"].number
    assert row_cut(panel) == f"line {number}: a float is cast to an integer"
    shown = next(line for line in panel.page["code"] if line["number"] == number)
    assert shown["text"].strip() == "level = tf.cast(tf.cast(level, tf.int32), tf.float32)"
    assert panel.scene["sides"][1]["margin"][str(number)]["cut"] == "a float is cast to an integer"
    assert not panel.scene["sides"][0]["margin"][str(number)]["cut"], "the cut belongs to the switched side"
    panel.turn(units=7)  # the same kinds: the row stays, without another look
    assert row_cut(panel)


def test_one_look_for_each_set_of_kinds(monkeypatch):
    looks = []
    real = blamed_line.find
    monkeypatch.setattr(blamed_line, "find", lambda *args: looks.append(args) or real(*args))
    panel = gradlab.Panel("norm_at_zero")
    panel.find_cut()
    panel.find_cut()
    assert len(looks) == 1
    panel.turn(distance=1.0)
    assert not broken(panel.sides[1]) and not row_cut(panel)
    panel.turn(distance=0.0)
    assert len(looks) == 1 and row_cut(panel).startswith("line ")


def test_the_sources_of_one_line_stand_together():
    side = gradlab.compare("integer_cast")[1]
    one = blamed_line.BlamedLine("h = a < b", 3, "comparison", "a & b", "", True)
    text = cut_words(side, {"kernel": one, "recurrent_kernel": one}, {})
    assert text == "line 3 for kernel, recurrent_kernel: a & b; the doctor found no line for bias"
    assert cut_words(side, dict.fromkeys(side.kinds, one), {}) == "line 3: a & b"


def test_a_wrong_gradient_without_a_line_is_said_to_lack_a_part():
    off, on = gradlab.compare("state_leaves")
    text = cut_words(on, {}, {r.name: compared(r, off[r.name]) for r in on.readings})
    assert "times as large as the right one, cosine" in text and "found no line" not in text


def test_a_zero_that_finite_differences_confirm_is_no_cut():
    panel = gradlab.Panel("initial_state")
    number = panel.find_cut()["recurrent_kernel"].number
    right = "the gradient of recurrent_kernel is zero here: the state that it multiplies is zero"
    margin = panel.scene["sides"][1]["margin"][str(number)]
    assert (panel.scene["cut"], margin["cut"]) == ("", "") and margin["zero"] == right
    assert panel.scene["zero"] == f"line {number}: {right}" == dict(panel.scene["evidence"])["Zero at"]
    # The same reading, contradicted: then something cuts it.
    side = panel.sides[1]
    readings = tuple(replace(r, contradicted=r.kind is Kind.ZERO) for r in side.readings)
    found = blamed_line.find(panel.scenario, replace(side, readings=readings), None, panel.knobs)
    assert cut_words(replace(side, readings=readings), found, {}).startswith(f"line {number}")


def failing(*_):
    raise ValueError("<no> idea")


def test_an_error_of_the_doctor_is_words_and_the_panel_goes_on(monkeypatch):
    monkeypatch.setattr(blamed_line, "find", failing)
    panel = gradlab.Panel("integer_cast")
    with pytest.raises(ValueError, match="<no> idea"):
        panel.find_cut()
    monkeypatch.delenv("GRADLAB_STRICT")
    panel = gradlab.Panel("integer_cast")
    assert panel.find_cut() == {}
    assert row_cut(panel) == "the doctor could not look: ValueError: <no> idea"
    assert panel.scene["verdict"] == "confirmed"
    panel.turn(steps=3)
    assert panel.scene["failed"] is None


def test_in_a_notebook_the_line_comes_after_the_cell_has_shown_the_heatmaps(monkeypatch):
    from IPython.core.interactiveshell import InteractiveShell

    monkeypatch.delenv("GRADLAB_STRICT")
    shell = InteractiveShell()
    monkeypatch.setattr("IPython.get_ipython", lambda: shell)
    shell.user_ns["seen"] = seen = []
    done = shell.run_cell("import gradlab; p = gradlab.Panel('integer_cast'); seen.append(p.scene['cut'])")
    assert done.success
    panel = shell.user_ns["p"]
    assert "the doctor is looking" in seen[0] and panel.data
    assert row_cut(panel).startswith("line ")
    assert not any(c.__qualname__.startswith("after_this_cell") for c in shell.events.callbacks["post_run_cell"])


def test_a_knob_that_changes_the_kinds_brings_another_look_outside_of_strict_runs(monkeypatch):
    monkeypatch.delenv("GRADLAB_STRICT")
    panel = gradlab.Panel("norm_at_zero")
    panel.turn(distance=1.0)
    assert not row_cut(panel)
    panel.turn(distance=0.0)
    assert row_cut(panel).startswith("line ")


def test_a_recording_of_the_learner_is_left_alone():
    import tensorflow as tf

    v = tf.Variable(2.0)
    with gradlab.Tape() as tape:
        loss = v * v
        assert gradlab.Panel("integer_cast").find_cut()
    assert float(tape.gradient(loss, v)) == 4.0
    assert [row.status for row in gradlab.last_report().rows] == ["ok"]
