"""Which expression of a line ran: exact where the bytecode tells, searched in the text where it does not."""

import ast
import sys

import keras
import tensorflow as tf

import gradlab
from gradlab.doctor.recording.frames import Place
from gradlab.doctor.source_code import nodes, op_names


def spot_here(_=None):
    frame = sys._getframe(1)
    return frame.f_code, frame.f_lasti, (), ()


def test_each_of_several_calls_on_a_line_and_each_line_of_one_is_told_apart():
    spots = [spot_here("a"), spot_here("b")]
    spots += [
        spot_here(
            "c",
        )
    ]
    assert [ast.unparse(nodes.node_of(s)) for s in spots] == [f"spot_here('{name}')" for name in "abc"]


def test_the_range_of_a_comprehension_is_told_from_what_it_makes():
    kept = []

    def note(value):
        frame = sys._getframe(1)
        kept.append((frame.f_code, frame.f_lasti, (), ()))
        return value

    assert [note(n) for n in range(note(2))] == [0, 1]
    assert [nodes.counts_a_comprehension(nodes.node_of(s)) for s in kept] == [True, False, False]


def test_without_an_answer_the_text_is_searched():
    assert nodes.node_of(None) is None
    assert nodes.node_of((None, 0, (), ())) is None
    assert nodes.node_of((spot_here.__code__, -5, (), ())) is None, "of converted code only a line is known"
    source = "def made():\n    return here()\n"
    names = {"here": spot_here}
    exec(compile(source, "a file that is not there", "exec"), names)
    assert nodes.node_of(names["made"]()) is None
    line = test_without_an_answer_the_text_is_searched.__code__.co_firstlineno
    assert op_names.in_line("Abs", Place(__file__, line)) == ""


def test_the_op_that_cut_is_named_among_several_like_it():
    w, v = tf.Variable([0.3, 0.8]), tf.Variable([1.0, 2.0])
    report = gradlab.explain(
        lambda: tf.reduce_sum(tf.round(v) * 0.0 + tf.round(w * 3.0) * v + tf.round(v * 2.0)), {"w": w}
    )
    assert "`tf.round(w * 3.0)` (Round)" in report.row("w").evidence


def test_the_op_of_a_layer_is_not_named_as_another_expression_of_the_line():
    w, v = tf.Variable([0.3, 0.8]), tf.Variable([1.0, 2.0])
    layer = keras.layers.Lambda(tf.round)
    report = gradlab.explain(lambda: tf.reduce_sum(layer(w) * v + tf.round(v)), {"w": w})
    assert "tf.round(v)" not in report.row("w").evidence
    assert "output of Round" in report.row("w").evidence


def test_a_number_that_counts_a_comprehension_steers_a_loop():
    n, v = tf.Variable(2.6), tf.Variable([1.0, 2.0])

    def comprehension():
        return tf.add_n([v * 2.0 for _ in range(int(n))])[0]

    def loop():
        total = v * 0.0
        for _ in range(int(n)):
            total += v * 2.0
        return total[0]

    def value():
        return tf.add_n([v * float(n) for _ in range(2)])[0]

    found = [gradlab.explain(f, {"n": n}).row("n") for f in (comprehension, loop, value)]
    assert [row.cause for row in found] == ["loop-condition", "loop-condition", "numpy-conversion"]


def test_two_models_on_a_line_share_a_layer():
    """The list of the first model lacks a layer that both call; that the second has it is no excuse."""
    shared = keras.layers.Dense(2)
    x = tf.ones((1, 2))
    shared(x)

    class First(keras.Model):
        def __init__(self):
            super().__init__()
            self.own = keras.layers.Dense(2)
            self.hidden = {1: lambda inputs: shared(inputs)}.get  # not an attribute in which Keras looks for layers

        def call(self, inputs):
            return self.hidden(1)(self.own(inputs))

    first, second = First(), keras.Sequential([shared])
    first(x)

    def both():
        return tf.reduce_sum(first(x) + second(x))

    def beside():
        return tf.reduce_sum(first.own(x) + second(x))

    found = [{r.name: r.status for r in gradlab.explain(f, first).rows} for f in (both, beside)]
    there = ["missing" in {kind.value for name, kind in f.items() if "own" not in name} for f in found]
    assert there == [True, False], found
