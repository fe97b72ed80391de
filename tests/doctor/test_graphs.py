"""The structure of traced graphs: what passes a gradient, and where it ends, without values and without harm."""

from __future__ import annotations

import pytest
import tensorflow as tf

import gradlab
from gradlab.doctor.analysis import graph_cuts, graph_functions
from gradlab.doctor.analysis import graph_reachability as structure
from gradlab.doctor.analysis.graph_reachability import Reachability, closed, in_order
from gradlab.doctor.op_types import BRANCHES, LOOPS

W = tf.Variable([[0.5, -0.2], [0.1, 0.3]], name="W")


def traced(function, *shapes):
    """The graph of a function, its inputs and its outputs."""
    concrete = tf.function(function).get_concrete_function(*(tf.TensorSpec(s, tf.float32) for s in shapes))
    return concrete.graph, list(concrete.graph.inputs), list(concrete.graph.outputs)


def handle(graph, variable):
    return next(inside for outer, inside in graph.captures if outer is variable.handle)


def counts(graph):
    """The number of operations of a graph and of every graph behind its loops, branches and calls."""
    own = [len(graph.get_operations())]
    for operation in graph.get_operations():
        if operation.type in LOOPS | BRANCHES or operation.type.endswith("Call"):
            for body in graph_functions.bodies(operation):
                own += counts(body)
    return own


def looped(x):
    array = tf.TensorArray(tf.float32, 4)
    for t in tf.range(4):
        x = tf.tanh(tf.matmul(x, W))
        array = array.write(t, tf.round(x) if t > 100 else tf.cast(tf.cast(x, tf.int32), tf.float32))
    return tf.reduce_sum(array.stack())


def test_the_private_functions_work_here():
    assert graph_functions.fault() == ""


def test_nothing_is_added_to_the_graph():
    graph, _, outputs = traced(looped, (2, 2))
    before, inputs = counts(graph), len(graph.inputs)
    assert len(before) > 2
    assert graph_cuts.find(graph, outputs, [handle(graph, W)])
    assert counts(graph) == before
    assert len(graph.inputs) == inputs


def test_a_cut_inside_a_loop_is_found_in_its_body():
    def step(x):
        for _ in tf.range(3):
            x = tf.one_hot(tf.argmax(tf.matmul(x, W), -1), 2)
        return tf.reduce_sum(x)

    graph, inputs, outputs = traced(step, (2, 2))
    (found,) = graph_cuts.find(graph, outputs, [handle(graph, W)])
    assert found.op.type == "ArgMax"
    assert [o.type for o in found.around] == ["While"]
    assert graph_cuts.find(graph, outputs, inputs[:1])[0].op.type == "ArgMax"


@pytest.mark.parametrize("known", [True, False])
def test_what_goes_into_a_loop_passes_only_if_it_may_not_go_round(known):
    def step(x, n):
        for _ in tf.range(3 if known else tf.cast(n, tf.int32)):
            x = tf.round(x)
        return tf.reduce_sum(x)

    graph, inputs, outputs = traced(step, (2,), ())
    (loop,) = [o for o in graph.get_operations() if o.type in LOOPS]
    assert structure.goes_round(loop) is known
    assert [c.op.type for c in graph_cuts.find(graph, outputs, inputs[:1])] == (["Round"] if known else [])


def test_no_cut_where_a_gradient_passes_or_no_value_does():
    def step(x, y):
        for _ in tf.range(3):
            x = tf.tanh(tf.matmul(x, W))
        return tf.reduce_sum(x), tf.reduce_sum(y)

    graph, inputs, outputs = traced(step, (2, 2), (2,))
    assert graph_cuts.find(graph, outputs[:1], inputs[:1]) == []
    assert graph_cuts.find(graph, outputs[:1], inputs[1:2]) == []


def test_turns_are_closed_over():
    # 0 takes from 1, 1 from 2: after two turns 0 depends on 2; an output is its own input after no turn at all.
    assert closed({0: {1}, 1: {2}, 2: set()}) == {0: {0, 1, 2}, 1: {1, 2}, 2: {2}}
    assert closed({0: {1}, 1: {2}, 2: set()}, turns=1) == {0: {1, 2}, 1: {2}, 2: set()}

    def step(a, b, c):
        return tf.while_loop(lambda *v: tf.reduce_sum(v[0]) < 9.0, lambda a, b, c: (b * 2.0, c * 2.0, c), (a, b, c))[0]

    _, inputs, outputs = traced(step, (2,), (2,), (2,))
    live = Reachability().live(outputs)
    assert {n for n, t in enumerate(inputs) if id(t) in live} == {0, 1, 2}


def test_lists_carry_a_gradient():
    def step(x):
        array = tf.TensorArray(tf.float32, 3)
        for t in tf.range(3):
            array = array.write(t, x * tf.cast(t, tf.float32))
        return tf.reduce_sum(array.stack())

    _, inputs, outputs = traced(step, (2,))
    assert id(inputs[0]) in Reachability().live(outputs)


def test_zero_by_construction_is_neither_a_cut_nor_a_gradient():
    _, inputs, outputs = traced(lambda x: tf.reduce_sum(tf.sign(x)), (2,))
    reach = Reachability()
    assert id(inputs[0]) in reach.live(outputs, "passes")
    assert id(inputs[0]) not in reach.live(outputs, "carries")


def test_other_outputs_of_an_op_get_zeros_as_tensorflow_fills_them_in():
    _, inputs, outputs = traced(lambda x, y: tf.identity_n([x, y])[0], (2,), (2,))
    reach = Reachability()
    assert {n for n, t in enumerate(inputs) if id(t) in reach.live(outputs, "carries")} == {0}


def test_an_attribute_counts_where_the_gradient_depends_on_it():
    ways = {}
    for kind in (tf.float64, tf.int32):
        graph, _, _ = traced(lambda x, kind=kind: tf.cast(x, kind), (2,))
        (cast,) = [o for o in graph.get_operations() if o.type == "Cast"]
        ways[kind] = Reachability().ways(cast).passes[0]
    assert ways == {tf.float64: {0}, tf.int32: set()}


@pytest.fixture
def nothing_probed(monkeypatch):
    monkeypatch.setattr(structure, "_probed", {})


def test_a_gradient_function_that_raises_is_unknown_and_never_blamed(nothing_probed, monkeypatch):
    known = graph_functions.gradient_function

    def refuses(operation):
        def raising(*given):
            raise ValueError("no")

        return raising if operation.type == "Round" else known(operation)

    graph, inputs, outputs = traced(lambda x: tf.reduce_sum(tf.round(x)), (2,))
    assert graph_cuts.find(graph, outputs, inputs)[0].op.type == "Round"
    structure._probed.clear()
    monkeypatch.setattr(graph_functions, "gradient_function", refuses)
    assert graph_cuts.find(graph, outputs, inputs) == []
    (rounded,) = [o for o in graph.get_operations() if o.type == "Round"]
    assert Reachability().ways(rounded).unknown


def test_a_differentiated_loop_is_still_read_in_order():
    def step(x):
        with tf.GradientTape() as tape:
            y = x
            for _ in tf.range(3):
                y = tf.tanh(tf.matmul(y, W))
            loss = tf.reduce_sum(y)
        return loss, tape.gradient(loss, W)

    graph, _, outputs = traced(step, (2, 2))
    seen = set()
    for operation in in_order(graph):
        assert all(t.op in seen for t in operation.inputs)
        seen.add(operation)
    assert seen == set(graph.get_operations())
    assert graph_cuts.find(graph, outputs[:1], [handle(graph, W)]) == []


def test_a_body_that_assigns_is_a_write():
    count = tf.Variable([0.0, 0.0])

    def step(x):
        inner = tf.function(lambda v: count.assign(v * 2.0))
        inner(x)
        return tf.reduce_sum(count * 3.0)

    graph, inputs, outputs = traced(step, (2,))
    (found,) = graph_cuts.find(graph, outputs, inputs[:1])
    assert (found.op.type, found.cut.how) == ("AssignVariableOp", "state")


def test_without_the_private_functions_the_report_says_what_it_cannot_see(monkeypatch):
    @tf.function
    def step(x):
        with gradlab.Tape() as tape:
            loss = tf.reduce_sum(tf.round(tf.matmul(x, W)))
        return tape.gradient(loss, W)

    assert step(tf.ones((2, 2))) is None
    monkeypatch.setattr(graph_functions, "fault", lambda: "AttributeError: gone")
    report = gradlab.last_report()
    assert [(str(r.status), r.cause, r.op) for r in report.rows] == [("none", "no-gradient-op", "Round")]
    assert any("gone" in note for note in report.notes)


def test_another_run_leaves_the_generators_where_they_were():
    def draws(Tape):
        tf.random.set_seed(7)
        w = tf.Variable([1.0, -1.0])

        @tf.function
        def step(x):
            with Tape() as tape:
                noise = tf.random.uniform([2], seed=3) + tf.random.normal([2])
                loss = tf.reduce_sum(tf.nn.relu(w * x - 5.0 - tf.abs(noise)))
            return tape.gradient(loss, w)

        seen = [tf.random.uniform([2], seed=3)]
        step(tf.ones(2))
        if Tape is gradlab.Tape:
            assert [(str(r.status), r.cause) for r in gradlab.last_report().rows] == [("zero", "zero-saturated")]
        seen += [tf.random.uniform([2], seed=3), tf.random.normal([2]), step(tf.ones(2))]
        return [t.numpy().tolist() for t in seen]

    assert draws(gradlab.Tape) == draws(tf.GradientTape)


def test_explain_tells_zeros_of_a_compiled_loop_as_what_they_are():
    @tf.function
    def loss():
        h = tf.ones((2, 2))
        for _ in tf.range(3):
            h = tf.stop_gradient(tf.tanh(h @ W))
        return tf.reduce_sum(h**2)

    row = gradlab.explain(loss, {"W": W}).row("W")
    assert (str(row.status), row.cause) == ("zero", "stop-gradient")
    assert row.where[0].code == "h = tf.stop_gradient(tf.tanh(h @ W))"
    assert "eager run gives None" in row.evidence
