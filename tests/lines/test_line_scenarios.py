"""Every scenario at both positions: it is recorded without an error, and where something breaks the margin says so."""

import json

import pytest
from samples import sampled

from gradlab.lab.measure import keras_version
from gradlab.lab.reading import Kind
from gradlab.lab.scenario import load, names
from gradlab.lines import of_scenario

NO_TAPE = {"forward_mode", "graph_gradients"}  # with the switch on there is no tape: words, no strip


def _says(found) -> set[str]:
    """The ways in which the margin says that something is not right."""
    said = {
        v.kind
        for line in found.lines
        for v in line.visits
        if v.kind in ("none", "zero", "nan", "inf", "unused", "outside")
    }
    said |= {"tag" for line in found.lines for _, kind in line.reads if kind not in ("ok", "ran")}
    said |= {"list" for line in found.lines if line.missing}
    said |= {"band" for line in found.lines if line.raised}
    return said


@pytest.mark.parametrize("name", sampled(names(), 2))
def test_both_positions(name: str) -> None:
    scenario = load(name)
    breaks = scenario.expected(keras_version())[1]
    sides = {}
    for bug in (False, True):
        found = sides[bug] = of_scenario(scenario, bug)
        json.dumps(found.to_dict(), allow_nan=False)
        file = scenario.run.__code__.co_filename
        assert next(x.file for x in found.lines if x.function == "run") == file
        if name in NO_TAPE and bug:
            assert found.notes and not any(v.norm for line in found.lines for v in line.visits)
        elif found.error is None:
            assert any(v.kind == "ok" for line in found.lines for v in line.visits)
            assert any(line.bracket == "in" for line in found.lines) and any(line.asks for line in found.lines)
    assert sides[False].error is None
    assert not [n for line in sides[False].lines for n in line.missing]
    on, kinds = sides[True], {kind for kind in breaks.values()}
    if not breaks:
        return
    if Kind.RAISES in kinds:
        assert "band" in _says(on) and on.error is not None
    elif Kind.MISSING in kinds:
        assert "list" in _says(on) and on.missing
    elif kinds == {Kind.WRONG}:
        # Nothing is absent: the truncated strip shows it, or, where the question is the mistake, what the norms are of.
        assert _says(on) - _says(sides[False]) or "sum" in {q.measure for q in on.asks}
    else:
        assert _says(on) - _says(sides[False]), _says(on)
    tagged = {name: kind for line in on.lines for name, kind in line.reads}
    for source, kind in breaks.items():
        if source in tagged and kind in (Kind.NONE, Kind.ZERO):
            assert tagged[source] == kind.value


def test_loops_are_told_apart() -> None:
    found = of_scenario("far_past", True, steps=6)
    strip = next(line for line in found.lines if "cell(x[:, t], state)" in line.text).visits
    assert [v.loop for v in strip] == [(cell, t) for cell in (0, 1) for t in range(6)]
    assert [v.kind for v in strip] == (["none"] * 3 + ["ok"] * 3) * 2


def test_value_made_before_the_tape_is_passed_on() -> None:
    found = of_scenario("encoder_before_tape", True)
    arrow = found.arrows[0]
    assert arrow.why == "outside"
    assert "early = encoder(x)" in found.line(arrow.line).text
    assert "decoder(y" in found.line(arrow.to_line).text
    assert found.line(arrow.line).bracket == "out" and found.line(arrow.to_line).bracket == "in"


def test_cut_is_the_doctors() -> None:
    from gradlab.lab.blamed_line import cuts

    found = of_scenario("integer_cast", True).mark_cuts(cuts("integer_cast"))
    marked = [line for line in found.lines if line.cut]
    assert len(marked) == 1 and "tf.cast(tf.cast(level" in marked[0].text
    assert {c.source for c in marked[0].cut} == {"kernel", "recurrent_kernel", "bias"}


def test_one_strip_for_each_question() -> None:
    found = of_scenario("timestep_jacobian", False)
    assert [q.what for q in found.asks] == ["batch_jacobian"] * 4 and found.ask == 3
    line = next(line for line in found.lines if "cell(x[:, t], [h])" in line.text)
    # d h_t / d h_s is absent for s > t: the strip of question t ends at t.
    for t, cells in line.strips.items():
        kinds = [kind for kind, _ in cells]
        assert kinds[: t + 1] == ["ok"] * (t + 1) and set(kinds[t + 1 :]) <= {"none", "unused"}


def test_jacobian_of_the_target_is_not_the_gradient_of_its_sum() -> None:
    found = of_scenario("summed_over_units", True)
    assert [q.measure for q in found.asks] == ["jacobian", "sum"]
    line = next(line for line in found.lines if "cell(x[:, t], [h])" in line.text)
    whole, summed = [n for _, n in line.strips[0]], [v.norm for v in line.visits]
    # At the last step d h / d h is the identity of 3 units: its norm is sqrt(3), and so is that of its sum over rows.
    assert whole[-1] == pytest.approx(3**0.5) == summed[-1]
    assert whole[0] != pytest.approx(summed[0], rel=1e-2)


def test_way_of_a_source() -> None:
    found = of_scenario("computed_state", True)
    encoder = [line.number for line in found.lines if "encoder kernel" in line.way]
    cell = [line.number for line in found.lines if "cell kernel" in line.way or "kernel" in line.way]
    assert encoder and cell and encoder != cell
