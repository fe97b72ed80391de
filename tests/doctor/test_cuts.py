"""Where the gradient stops, on traces written by hand."""

from __future__ import annotations

import pytest
from traces import Drawn

from gradlab.doctor.analysis.cuts import after, bypassed, cuts, descends, separating_cut, straight_through
from gradlab.doctor.analysis.dataflow import between


def found(d: Drawn, live: str, source: str = "x", loss: str = "loss"):
    run = d.run(loss, live)
    flow = between(d.trace, [d[source]], run.target_keys, run.reads)
    return run, flow, cuts(run, flow)


def test_the_op_with_a_gradient_behind_it_and_none_before_it():
    d = Drawn()
    d.op("Exp", "x", "h")
    d.op("Round", "h", "level")
    d.op("Sum", "level", "loss")
    _, _, places = found(d, "level")
    assert [(c.op.type, c.how, c.key) for c in places] == [("Round", "cut", d["h"])]


def test_a_healthy_chain_has_none():
    d = Drawn()
    d.op("Exp", "x", "h")
    d.op("Sum", "h", "loss")
    assert found(d, "x h")[2] == []


def test_the_cast_that_left_the_floats_is_blamed_and_not_the_one_that_came_back():
    d = Drawn()
    d.op("Cast", "x", "n_i", line=1)
    d.op("AddV2", "n_i one_i", "m_i", line=2)
    d.op("Cast", "m_i", "level", line=3)
    d.op("Sum", "level", "loss", line=4)
    _, _, places = found(d, "level")
    assert [(c.op.type, c.op.stack[0][1]) for c in places] == [("Cast", 1)]


def test_a_stop_gradient_is_blamed_and_not_the_op_behind_it():
    d = Drawn()
    d.op("StopGradient", "x", "held")
    d.op("Mul", "held w", "loss")
    _, _, places = found(d, "w")
    assert [c.op.type for c in places] == ["StopGradient"]


def test_the_write_is_blamed_for_what_is_read_from_a_variable():
    d = Drawn()
    d.op("AssignVariableOp", "s_v x")
    d.op("ReadVariableOp", "s_v", "state")
    d.op("Sum", "state", "loss")
    _, _, places = found(d, "state")
    assert [(c.op.type, c.how) for c in places] == [("AssignVariableOp", "state")]


def test_of_several_cuts_the_one_that_parts_them_alone():
    d = Drawn()
    d.op("Exp", "x", "h")
    d.op("Round", "h", "both")
    d.op("Floor", "both", "one")
    d.op("Ceil", "both", "two")
    d.op("AddV2", "one two", "loss")
    run, _, places = found(d, "one two")
    assert {c.op.type for c in places} == {"Floor", "Ceil"}
    assert separating_cut(run, places, d["x"]).op.type in {"Floor", "Ceil"}  # neither does alone: the nearest
    d = Drawn()
    d.op("Round", "x", "level")
    d.op("StopGradient", "x", "held")
    d.op("Mul", "held zero", "nothing")
    d.op("AddV2", "level nothing", "loss")
    run, _, places = found(d, "level nothing")
    assert len(places) == 2


def test_ancestors_are_found_by_their_type():
    d = Drawn()
    draw = d.op("RandomUniform", "shape_i", "u")
    d.op("Mul", "u two", "v")
    run = d.run("v", "")
    assert descends(run, d["v"], {"RandomUniform"}) is draw
    assert descends(run, d["v"], {"RandomUniform"}, limit=1) is None
    assert descends(run, d["two"], {"RandomUniform"}) is None


def test_what_comes_after_an_op():
    d = Drawn()
    first = d.op("Exp", "x", "h")
    d.op("Sin", "a", "b")
    d.op("Mul", "h b", "loss")
    assert after(d.run("loss", ""), first, {0, 1, 2}) == {2}


@pytest.mark.parametrize(("kind", "on_purpose"), [("AddV2", True), ("Mul", False)])
def test_a_straight_through_estimator_is_known_by_its_form(kind, on_purpose):
    d = Drawn()
    d.op("Round", "x", "level")
    d.op("Sub", "level x", "error")
    d.op("StopGradient", "error", "held")
    d.op(kind, "x held", "loss")
    run, _, places = found(d, "x held")
    stop = next(c for c in places if c.op.type == "StopGradient")
    assert straight_through(run, stop) is on_purpose


def test_a_custom_gradient_may_jump_over_dead_values():
    d = Drawn()
    d.op("Round", "x", "level")
    d.op("Identity", "level", "y", marks=("custom_gradient",))
    d.op("Sum", "y", "loss")
    run, flow, places = found(d, "y x")
    assert bypassed(run, flow, places[0])
    run, flow, places = found(d, "y")
    assert not bypassed(run, flow, places[0])
