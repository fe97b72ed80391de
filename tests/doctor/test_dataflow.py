"""What depends on what, on traces written by hand."""

from __future__ import annotations

from traces import Drawn

from gradlab.doctor.analysis.dataflow import backward, between, forward


def flow(d: Drawn, source: str, loss: str, reads: dict[int, int] | None = None):
    return between(d.trace, [d[source]], [d[loss]], reads or {})


def test_a_chain_is_the_path_and_what_is_beside_it_is_not():
    d = Drawn()
    d.op("Mul", "x a", "y")
    d.op("Exp", "a", "other")
    d.op("Neg", "y", "unused")
    d.op("Sum", "y", "loss")
    found = flow(d, "x", "loss")
    assert [op.type for op in found.path] == ["Mul", "Sum"]
    assert found.reached and found.carriers == {0: [d["x"]], 2: [d["y"]], 3: [d["y"]]}
    assert found.needed == {0, 3}


def test_nothing_leads_from_a_source_that_is_not_used():
    d = Drawn()
    d.op("Exp", "x", "unused")
    d.op("Exp", "a", "loss")
    found = flow(d, "x", "loss")
    assert not found.reached and found.path == []


def test_a_shape_carries_no_value():
    d = Drawn()
    d.op("Shape", "x", "shape_i")
    d.op("Fill", "shape_i a", "loss")
    assert not flow(d, "x", "loss").reached
    d = Drawn()
    d.op("Reshape", "x s_i", "loss")
    assert flow(d, "x", "loss").reached


def test_integers_carry_the_value_on():
    d = Drawn()
    d.op("Cast", "x", "n_i")
    d.op("Cast", "n_i", "loss")
    assert [op.type for op in flow(d, "x", "loss").path] == ["Cast", "Cast"]


def test_a_value_goes_through_the_state_of_a_variable():
    d = Drawn()
    d.op("Exp", "x", "h")
    write = d.op("AssignVariableOp", "s_v h")
    read = d.op("ReadVariableOp", "s_v", "again")
    d.op("Sum", "again", "loss")
    found = flow(d, "x", "loss")
    assert [op.type for op in found.path] == ["Exp", "AssignVariableOp", "ReadVariableOp", "Sum"]
    assert found.read_by[-read.index - 1] is write


def test_an_assignment_ends_what_the_variable_held_and_an_addition_does_not():
    for kind, reached in (("AssignVariableOp", False), ("AssignAddVariableOp", True)):
        d = Drawn()
        d.op("AssignVariableOp", "s_v x")
        d.op(kind, "s_v other")
        d.op("ReadVariableOp", "s_v", "loss")
        assert flow(d, "x", "loss").reached is reached


def test_a_write_after_the_read_comes_too_late():
    d = Drawn()
    d.op("ReadVariableOp", "s_v", "loss")
    d.op("AssignVariableOp", "s_v x")
    assert not flow(d, "x", "loss").reached


def test_what_is_assigned_to_the_source_itself_does_not_end_it():
    d = Drawn()
    d.op("AssignVariableOp", "w_v other")
    d.op("ReadVariableOp", "w_v", "value")
    d.op("Sum", "value", "loss")
    assert flow(d, "w_v", "loss").reached


def test_a_tensor_that_was_read_without_an_op_counts_as_the_variable():
    d = Drawn()
    d.op("MatMul", "x fast", "loss")
    reads = {d["fast"]: d["w_v"]}
    assert flow(d, "w_v", "loss", reads).reached
    assert not flow(d, "w_v", "loss").reached


def test_backward_takes_the_state_along():
    d = Drawn()
    d.op("AssignVariableOp", "s_v a")
    d.op("AssignVariableOp", "t_v b")
    d.op("ReadVariableOp", "s_v", "loss")
    assert backward(d.trace, [d["loss"]], {}) == {0, 2}


def test_forward_names_the_inputs_that_carry():
    d = Drawn()
    d.op("AddN", "a x b", "y")
    d.op("Mul", "y y", "z")
    _, carriers, _ = forward(d.trace, [d["x"]], {})
    assert carriers == {0: [d["x"]], 1: [d["y"], d["y"]]}
