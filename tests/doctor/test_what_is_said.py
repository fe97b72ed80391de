"""Names, headlines and fixes of reports: what a reader acts on."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

import gradlab
from gradlab import Kind
from gradlab.doctor.frontends.call import explain_call, recorded_tapes, reports

keras = tf.keras
L = keras.layers


def told(function):
    with recorded_tapes() as opened:
        function()
    return reports(opened, over=True)


def test_one_weight_that_a_compiled_loop_leaves_as_it_was_is_looked_at():
    w, k, optimizer = tf.Variable(1.0), tf.Variable(-1.0), keras.optimizers.SGD(0.1)

    @tf.function
    def step(x):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((w * x - 1.0) ** 2) + tf.reduce_mean(tf.exp(k) * tf.zeros_like(x))
        slopes = tape.gradient(loss, [w, k])
        optimizer.apply_gradients(zip(slopes, [w, k], strict=True))

    (report,) = told(lambda: [step(tf.linspace(0.0, 1.0, 8)) for _ in range(3)])
    assert [row.status for row in report.rows] == [Kind.OK, Kind.ZERO]
    assert report.row("k").cause == "zero-masked"


def test_where_values_were_not_looked_at_the_headline_says_so():
    w = tf.Variable([1.0, 2.0])

    @tf.function
    def slope(x):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(w * x)
        return tape.gradient(loss, w)

    (report,) = told(lambda: w.assign_sub(slope(tf.constant([1.0, 3.0]))))
    assert "no gradient is None; their values were not looked at" in str(report)
    assert "their values were not looked at" in report._repr_html_()


def test_a_computation_after_an_inner_tape_names_the_tape_and_its_line():
    x, w = tf.constant([0.5, 1.5]), tf.Variable(2.0)

    def run():
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                u = w * x**3
        slope = inner.gradient(u, x)
        return outer.gradient(slope, x)

    report = explain_call(run)
    (row,) = report.problems
    line = run.__code__.co_firstlineno + 1
    assert row.cause == "after-tape" and row.fix.endswith(f"inside the with-block of `outer` (line {line})")
    assert report.title.startswith("outer.gradient (")
    assert "cause: it was computed after the tape had stopped recording [after-tape]" in str(report)


def test_the_path_of_a_weight_stands_before_a_name_that_a_loop_has_left():
    model = keras.Sequential([keras.Input((2,)), L.Dense(1, name="out")])
    for a, b in zip(model.variables, model.variables, strict=True):
        a.assign(b)

    def run():
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(model(tf.ones((2, 2))) ** 2)
        return tape.gradient(loss, model.trainable_variables), a, b

    assert all("out/" in row.name for row in explain_call(run).rows)


def test_a_tensor_in_a_compiled_function_has_its_name_in_the_code():
    w = tf.Variable(2.0)

    @tf.function
    def step():
        x = tf.random.uniform((3,))
        with tf.GradientTape() as tape:
            tape.watch(x)
            u = w * x
        return tape.gradient(u, x)

    (report,) = told(step)
    assert [row.name for row in report.rows] == ["x"]


def test_no_line_of_another_model_is_blamed_for_a_model_that_is_not_built():
    model = keras.Sequential([L.Dense(1)])

    def elsewhere(tape, loss, other):
        return tape.gradient(loss, other.trainable_variables)

    report = gradlab.explain(lambda: tf.reduce_sum(model(tf.ones((1, 2)))), model)
    assert elsewhere and report.problems[0].status is Kind.EMPTY
    assert not any("other.trainable_variables" in p.code for row in report.problems for p in row.where)


def test_the_layer_of_a_dead_activation_is_named_and_its_line():
    low = keras.initializers.Constant(-100.0)
    model = keras.Sequential([keras.Input((4,))])
    model.add(L.Dense(3, "relu", bias_initializer=low, name="dead"))
    model.add(L.Dense(1))
    model.compile("sgd", "mse")
    report = gradlab.explain(model, np.ones((2, 4), "float32"), np.ones((2, 1), "float32"), level="quick")
    row = report.problems[0]
    assert 'name="dead"' in row.where[0].code
    assert "the activation of the layer dead (Dense)" in row.evidence


def test_a_gradient_that_a_variable_shortens_is_noted():
    w, kept = tf.Variable(0.5), tf.Variable(1.0, trainable=False)

    def run():
        with tf.GradientTape() as tape:
            kept.assign(w * 2.0)
            loss = kept * w
        return tape.gradient(loss, w)

    report = explain_call(run)
    assert not report.problems
    (note,) = report.notes
    assert "kept.assign(w * 2.0)" in note and "gradlab annotate" in note


def test_zero_times_infinity_has_a_fix_of_its_own():
    w, mask = tf.Variable([[0.5, 1.0], [2.0, 1.0]]), tf.constant([[1.0, 0.0], [1.0, 1.0]])
    report = gradlab.explain(lambda: tf.reduce_sum(tf.nn.softmax(w + (1.0 - mask) * -np.inf) ** 2), {"w": w})
    row = report.row("w")
    assert row.status is Kind.NOT_FINITE and row.evidence.endswith("it multiplies 0 by infinity, which is NaN")
    assert row.fix.startswith("write a large finite number in place of infinity")


def test_the_states_of_one_layer_that_shorten_a_gradient_are_told_together():
    w, h, c = tf.Variable([0.5]), tf.Variable([0.0]), tf.Variable([0.0])

    def run():
        with tf.GradientTape() as tape:
            for _ in range(2):
                new = tf.tanh(w + h + c)
                h.assign(new)
                c.assign(2.0 * new)
            loss = tf.reduce_sum(new)
        tape.gradient(loss, w)

    (report,) = told(run)
    (note,) = [n for n in report.notes if n.startswith("only a part")]
    assert "`h.assign(new)` and " in note and "`c.assign(2.0 * new)` keep values in variables" in note


def test_the_fix_of_a_logarithm_fits_what_it_is_taken_of():
    def fix(*numbers):
        w = tf.Variable(list(numbers))
        return gradlab.explain(lambda: tf.reduce_sum(w * tf.math.log(tf.identity(w))), {"w": w}).row("w").fix

    assert (
        "from_logits" in fix(0.0, 1.0) and "tf.math.log(x + 1e-6)" in fix(0.0, 700.0) and "softplus" in fix(-1.0, 1.0)
    )


def test_a_zero_that_is_harmless_is_shown_and_counts_as_no_problem():
    score, x = L.Dense(1), tf.random.normal((4, 3))
    score(x)

    def run(other):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(score(x)) - tf.reduce_mean(score(other))
        return tape.gradient(loss, score.trainable_variables)

    (report,) = told(lambda: run(x * 2.0))
    kernel, bias = report.rows
    assert kernel.status == Kind.OK and bias.status == Kind.ZERO and bias.harmless and bias.path
    assert report.problems == [] and "no gradient has a problem; 1 of 2 is zero by design" in repr(report)
    assert report.to_dict()["problems"] == [] and "harmless" in repr(report) and "harmless" in report._repr_html_()
    (report,) = told(lambda: run(x))  # the kernel's contributions cancel as well, and that is a problem
    assert [row.name for row in report.problems] == [kernel.name]
    assert "1 of 2 gradients has a problem" in repr(report) and "harmless" in repr(report)


def test_what_the_line_asks_for_names_a_source_that_has_no_name():
    class Line(tf.Module):
        def __init__(self):
            self.slope, self.shift = tf.Variable(5.0), tf.Variable(0.0, name="shift")
            self.others = [tf.constant(1.0), tf.constant(2.0)]

    line = Line()

    def names(report):
        return [row.name for row in report.rows]

    def again(ask):
        with tf.GradientTape() as tape:
            loss = line.slope**2.0 + line.shift
        return ask(tape, loss)

    def of_either(tape, loss):
        return tape.gradient(loss, line.others if loss is None else [line.slope + 0.0])

    assert names(explain_call(lambda: again(lambda t, z: t.gradient(z, [line.slope, line.shift])))) == [
        "line.slope",
        "shift",
    ]
    line.slope = line.slope - 1.0  # a tensor now
    assert names(explain_call(lambda: again(lambda t, z: t.gradient(z, {"a": line.slope})))) == ["a"]
    assert names(explain_call(lambda: again(lambda t, z: t.gradient(z, sources=line.slope)))) == ["line.slope"]
    assert names(explain_call(lambda: again(lambda t, z: t.gradient(z, line.others)))) == [
        "line.others[0]",
        "line.others[1]",
    ]
    assert names(explain_call(lambda: again(of_either))) == ["source 0"]  # the line gives no one name
