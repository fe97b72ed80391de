"""What shows the sentences of the notebooks 15, 17, 18 and 20: the Jacobians, `Watch`, the doctor, and the last script.

As in `statement_checks`: one function for a sentence or some, and AssertionError where it does not hold here.
"""

from __future__ import annotations

import warnings
from functools import cache

import jupytext
import numpy as np
import pytest
import tensorflow as tf
from kerases import HERE
from solutions import SCRIPTS, WHOLE
from statement_checks import gradient, last_row, of_notebook, raw_layer

import gradlab
from gradlab.doctor.certainty import Certainty
from gradlab.lab.capstone import bugs_left
from gradlab.lab.measure import to_array
from gradlab.lab.reading import Kind, classify

# ---- 15


@cache
def jacobians_of_an_lstm():
    tf.keras.utils.set_random_seed(0)
    return gradlab.jacobian(tf.keras.layers.LSTM(3, return_sequences=True), tf.random.normal((2, 6, 2)))


def shapes_of_all_jacobians():
    found = jacobians_of_an_lstm()
    assert found.full.shape == (2, 6, 3, 6, 2) and found.diagonal.shape == (2, 6, 3, 2)
    assert found.last.shape == (2, 6, 3, 2)
    assert found.step.shape == (2, 6, 6, 6) and found.norms().shape == (2, 6, 6)


def a_cell_of_ones_own():
    class Cell(tf.keras.layers.Layer):
        units = state_size = output_size = 3

        def call(self, x, states):
            h = tf.tanh(x + 0.5 * states[0])
            return h, [h]

    x = tf.random.stateless_normal((1, 4, 3), seed=(0, 0))
    full = np.asarray(gradlab.jacobian(tf.keras.layers.RNN(Cell(), return_sequences=True), x).full)
    layer = tf.keras.layers.RNN(Cell(), return_sequences=True)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = layer(x)
    np.testing.assert_allclose(full, tape.batch_jacobian(y, x, experimental_use_pfor=False), atol=1e-5)


def chain_rule_of_single_steps():
    """Of a SimpleRNN, whose whole state is h; the state of an LSTM is h and c together."""
    assert jacobians_of_an_lstm().step.shape[-1] == 2 * 3
    tf.keras.utils.set_random_seed(0)
    rnn = gradlab.jacobian(tf.keras.layers.SimpleRNN(3, return_sequences=True), tf.random.normal((1, 5, 2)))
    A, B, whole = np.asarray(rnn.step)[0], np.asarray(rnn.diagonal)[0], np.asarray(rnn.full)[0]
    assert A.shape == (5, 3, 3)
    for t in range(5):
        for s in range(t + 1):
            product = B[s]
            for k in range(s + 1, t + 1):
                product = A[k] @ product
            np.testing.assert_allclose(product, whole[t, :, s], atol=1e-6)
    assert not whole[1, :, 2:].any()  # an input moves no earlier state


def norms_do_not_underflow():
    layer = tf.keras.layers.SimpleRNN(4, return_sequences=True)
    layer.build((1, None, 2))
    layer.cell.recurrent_kernel.assign(0.2 * np.eye(4))
    x = tf.random.stateless_normal((1, 90, 2), seed=(0, 0))
    row = np.asarray(gradlab.jacobian(layer, x).norms())[0, -1]
    assert np.isfinite(row).all() and row[0] < -45
    with tf.GradientTape() as tape:
        tape.watch(x)
        total = tf.reduce_sum(layer(x)[:, -1])
    assert not np.asarray(tape.gradient(total, x))[0, 0].any()


def batch_jacobian_traces_at_every_call():
    traced = []

    @tf.custom_gradient
    def square(v):
        def backward(upstream):
            traced.append(tf.executing_eagerly())
            return 2 * v * upstream

        return v * v, backward

    def ask(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = square(x)
        return tape.batch_jacobian(y, x)

    x, counts = tf.ones((1, 3)), []
    for _ in range(2):
        ask(x)
        counts.append(len(traced))
    assert counts[1] == 2 * counts[0] > 0 and not any(traced)  # in a graph, and again at the second call
    compiled = tf.function(ask)
    compiled(x)
    before = len(traced)
    compiled(x)
    assert len(traced) == before


def sum_over_units_is_what_the_popular_loop_gives():
    from gradlab.lab.jacobian_race import readable

    layer, x = tf.keras.layers.SimpleRNN(3, return_sequences=True), tf.random.normal((1, 4, 2))
    full = np.asarray(readable.jacobian_at_once(layer, x))[0]
    popular = np.asarray(readable.folk_loop(layer, x))[0]
    for t in range(4):
        np.testing.assert_allclose(popular[t], full[t, :, t].sum(axis=0), atol=1e-5)
    np.testing.assert_allclose(readable.jacobian_structured(layer, x)[0], full, atol=1e-5)
    assert popular.shape == (4, 2)  # no axis for the units


def exponents():
    for exponent, times in ((2, 4), (1, 2)):
        work = np.array([10.0, 20.0]) ** exponent
        assert work[1] / work[0] == times


# ---- 17


@cache
def under_fit():
    """The names of notebook 17: its network, its data, the healthy training and the six broken models."""
    cells = jupytext.read(next(s for s in SCRIPTS if s.stem.startswith("17")), fmt="py:percent").cells
    space = {"gradlab": gradlab}
    with warnings.catch_warnings():  # the notebook's own filter ends with it
        for mark in ("def network(", "class Detached"):
            exec(next(c.source for c in cells if c.cell_type == "code" and mark in c.source), space)
    return space


def a_healthy_training_has_no_alarm():
    record = under_fit()["healthy"].record
    assert not record.alarms and record.steps == 24


def watched_and_unwatched_end_in_the_same_bits():
    space = under_fit()
    layers, weights = space["layers"], []
    for callbacks in ([], [gradlab.Watch(view=None)]):
        tf.keras.utils.set_random_seed(0)
        model = space["network"](layers.Dense(8, "tanh", name="first"))
        model.fit(space["x"], space["y"], epochs=1, batch_size=16, shuffle=False, verbose=0, callbacks=callbacks)
        weights.append([np.array(w) for w in model.get_weights()])
    assert all(np.array_equal(a, b) for a, b in zip(*weights, strict=True))


FIRST = {"detached": "none", "left out": "unseen", "dead": "zero", "root": "nan", "fast": "update", "slow": "update"}


def six_broken_models():
    space = under_fit()
    found = {name: space["train"](space["models"][name], epochs=8).record.alarms[0] for name in FIRST}
    assert {name: alarm.rule for name, alarm in found.items()} == FIRST
    causes = {name: str(found[name].report.rows[0].cause) for name in ("detached", "dead", "root")}
    assert causes == {"detached": "stop-gradient", "dead": "zero-saturated", "root": "nan-sqrt-norm"}
    assert all(alarm.variables and alarm.step for alarm in found.values())


six_broken_models.weekly = True  # six trainings under `Watch`, four of them with a report


def a_large_negative_bias_keeps_a_relu_below_zero():
    space = under_fit()
    inside = space["models"]["dead"].layers[-2]
    assert not np.asarray(inside(space["x"])).any()


def relu_then_root():
    assert float(tf.nn.relu(-2.0)) == 0.0
    assert np.isnan(gradient(lambda v: tf.sqrt(tf.nn.relu(v)), -2.0))


def eight_steps_of_sixteen():
    assert len(under_fit()["x"]) == 128 == 8 * 16


def names_of_the_alarms():
    for name in ("none", "unseen", "zero", "nan", "exploding", "update"):
        gradlab.Watch(view=None, stop_on=(name,))
    with pytest.raises(ValueError, match="stop_on"):
        gradlab.Watch(view=None, stop_on=("no such alarm",))


def fit_compiles_its_step():
    eager = []

    class Told(tf.keras.layers.Layer):
        def call(self, x):
            eager.append(tf.executing_eagerly())
            return x

    model = tf.keras.Sequential([tf.keras.Input((2,)), Told(), tf.keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    eager.clear()
    model.fit(tf.ones((8, 2)), tf.ones((8, 1)), batch_size=2, epochs=3, verbose=0)
    assert 0 < len(eager) < 12 and not any(eager)  # 12 batches


def python_runs_while_tracing():
    runs = []

    @tf.function
    def step(values, factor):
        runs.append(1)
        return values * factor

    for values, factor, wanted in (
        (tf.ones(2), 1.0, 1),
        (tf.ones(2), 1.0, 1),
        (tf.ones(2), 2.0, 2),
        (tf.ones(3), 2.0, 3),
        (tf.ones(3), tf.constant(5.0), 4),
        (tf.ones(3), tf.constant(6.0), 4),
        (tf.ones(3, tf.float64), tf.constant(6.0, tf.float64), 5),
    ):
        step(values, factor)
        assert len(runs) == wanted


def ends_of_float16():
    assert 5.9e-8 < 2.0**-24 < 6e-8 and float(np.float16(2.0**-24)) == 2.0**-24
    assert float(np.float16(0.49 * 2.0**-24)) == 0.0 < float(np.float16(0.51 * 2.0**-24))
    assert float(tf.cast(tf.constant(1e-30), tf.bfloat16)) > 0 and float(tf.cast(tf.constant(1e-30), tf.float16)) == 0


def mixed_precision_of_keras():
    policy = tf.keras.mixed_precision
    before = policy.global_policy() if HERE == 2 else policy.dtype_policy()
    try:
        policy.set_global_policy("mixed_float16")
        layer = tf.keras.layers.Dense(1)
        model = tf.keras.Sequential([tf.keras.Input((2,)), layer])
        model.compile("sgd", "mse")
        assert layer(tf.ones((1, 2))).dtype == tf.float16 and "float32" in str(layer.kernel.dtype)
        assert type(model.optimizer).__name__.startswith("LossScaleOptimizer")
    finally:
        policy.set_global_policy(before)


def freezing_a_layer():
    layer = tf.keras.layers.Dense(1)
    layer.build((None, 2))
    layer.trainable = False
    with tf.GradientTape() as tape:
        layer(tf.ones((1, 2)))
    assert layer.trainable_variables == [] and len(tape.watched_variables()) == 2


# ---- 18


def three_words_for_how_sure():
    assert [str(word) for word in Certainty] == ["certain", "likely", "possible"]


def the_status_is_that_of_a_plain_tape():
    a, b, c = (tf.Variable([0.5, 2.0]) for _ in range(3))

    def loss():
        return tf.reduce_sum(tf.round(a) + tf.nn.relu(-b) + c**2)

    with tf.GradientTape() as tape:
        value = loss()
    plain = tape.gradient(value, {"a": a, "b": b, "c": c})
    told = {row.name: str(row.status) for row in gradlab.explain(loss, {"a": a, "b": b, "c": c}).rows}
    assert plain["a"] is None and not plain["b"].numpy().any() and plain["c"].numpy().all()
    assert told == {"a": "none", "b": "zero", "c": "ok"}


def explaining_changes_nothing():
    state, w = tf.Variable([0.5, 0.5]), tf.Variable([1.0, -1.0])

    def loss():
        state.assign(tf.tanh(state + w + tf.random.normal((2,))))
        return tf.reduce_sum(state * w)

    tf.random.set_seed(3)
    wanted = [tf.random.normal(()).numpy() for _ in range(2)]
    tf.random.set_seed(3)
    gradlab.explain(loss, {"w": w})
    assert state.numpy().tolist() == [0.5, 0.5] and w.numpy().tolist() == [1.0, -1.0]
    assert [tf.random.normal(()).numpy() for _ in range(2)] == wanted


def the_report_names_the_line_with_numpy():
    w = tf.Variable([1.0, 2.0])

    def loss():
        error = w.numpy() - 1.0
        return tf.reduce_mean(tf.constant(error) ** 2)

    (row,) = gradlab.explain(loss, {"w": w}).rows
    assert row.where[0].code.strip() == "error = w.numpy() - 1.0" and str(row.status) == "none"


def keras_3_does_not_list_a_plain_variable():
    assert len(raw_layer().trainable_variables) == (0 if HERE == 3 else 1)


def no_gradient_by_design():
    w = tf.Variable([1.0, 2.0])
    report = gradlab.explain(lambda: tf.reduce_sum(tf.stop_gradient(w) ** 2), {"w": w})
    assert "design" in str(report)


def an_empty_list_has_a_status():
    layer = raw_layer()
    report = gradlab.explain(lambda: layer.w**2, layer.trainable_variables, owner=layer)
    assert [str(row.status) for row in report.rows] == (["empty"] if HERE == 3 else ["ok"])


def a_training_step_is_explained():
    tf.keras.utils.set_random_seed(0)
    model = tf.keras.Sequential([tf.keras.Input((2,)), tf.keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    x, y = tf.ones((4, 2)), tf.ones((4, 1))
    assert [str(row.status) for row in gradlab.explain(model, x, y).rows] == ["ok", "ok"]
    gradlab.assert_gradients(model, x, y)
    model.layers[-1].kernel.assign([[np.nan], [1.0]])
    with pytest.raises(AssertionError):
        gradlab.assert_gradients(model, x, y)


# ---- 20


@cache
def the_script(*mends):
    """The names of the script with these (what stands there, what replaces it) put in."""
    space = {"np": np, "tf": tf}
    cells = jupytext.read(next(s for s in SCRIPTS if s.stem.startswith("20")), fmt="py:percent").cells
    code = next(c.source for c in cells if "script" in c.metadata.get("tags", []))
    for old, new in mends:
        assert code.count(old) == 1
        code = code.replace(old, new)
    exec(next(c.source for c in cells if "def make_data" in c.source), space)
    exec(code, space)
    return space


def kinds_of_the_listed(space):
    net, weights = space["build"]()
    with tf.GradientTape() as tape:
        loss = space["loss_of"](net, space["data"])
    return {classify(to_array(gradient)) for gradient in tape.gradient(loss, weights)}


def three_of_the_five_bugs_show():
    """None, zero and NaN are there; with these three mended there are numbers only, and two bugs are left."""
    bad = {Kind.NONE, Kind.ZERO, Kind.NOT_FINITE}
    assert kinds_of_the_listed(the_script()) == {*bad, Kind.OK}
    mended = the_script(
        ('tf.round(net["stars"](data["weather"]))', 'net["stars"](data["weather"])'),
        ("Constant(-6.0)", "Constant(0.1)"),
        ('tf.norm(net["weekday"])', 'tf.reduce_sum(net["weekday"] ** 2)'),
    )
    assert kinds_of_the_listed(mended) == {Kind.OK}
    assert bugs_left(mended["build"], mended["train_step"], mended["data"]).lines == ("2 of 5 bugs are left.",)


def five_bugs_of_five_kinds():
    """`test_capstone.py` repairs them one by one and counts what is left."""
    space = the_script()
    net, weights = space["build"]()
    with tf.GradientTape() as tape:
        loss = space["loss_of"](net, space["data"])
    kernels = {name: net[name].trainable_variables[0] for name in ("cell", "stars", "boost", "head")}
    found = tape.gradient(loss, {**kernels, "weekday": net["weekday"]})
    assert len(net) == 5 and np.isfinite(loss)
    assert found["stars"] is None
    assert not np.asarray(found["boost"]).any()
    assert np.isnan(tf.convert_to_tensor(found["weekday"])).any()
    assert not any(w is kernels["head"] for w in weights) and found["head"] is not None
    direction = np.random.default_rng(0).standard_normal(kernels["cell"].shape).astype("float32")
    start, losses = np.array(tf.convert_to_tensor(kernels["cell"])), []
    for sign in (1, -1):
        kernels["cell"].assign(start + sign * 1e-2 * direction)
        losses.append(float(space["loss_of"](net, space["data"])))
    slope = (losses[0] - losses[1]) / 2e-2
    assert abs(float((np.asarray(found["cell"]) * direction).sum()) - slope) > 0.1 * abs(slope)


def nan_comes_first_because_it_spreads():
    space = the_script()
    net, weights = space["build"]()
    losses = [float(space["train_step"](net, weights, space["data"])) for _ in range(2)]
    assert np.isfinite(losses[0]) and np.isnan(losses[1])
    assert np.isnan(np.asarray(tf.convert_to_tensor(net["cell"].trainable_variables[0]))).all()


def four_parts_read_one_thing_each():
    data = the_script()["data"]
    assert [tuple(data[name].shape[1:]) for name in ("past", "weather", "events", "weekday")] == [
        (7, 3),
        (4,),
        (2,),
        (),
    ]


def a_layer_has_no_weights_before_it_is_built():
    dense = tf.keras.layers.Dense(1)
    assert dense.trainable_variables == []
    dense.build((None, 6))
    assert len(dense.trainable_variables) == 2


def slope_of_the_root():
    assert np.isclose(float(gradient(tf.sqrt, 0.01)), 5) and np.isclose(float(gradient(tf.sqrt, 1e-6)), 500)
    assert np.isinf(float(gradient(tf.sqrt, 0.0)))
    assert np.isclose(float(gradient(lambda v: tf.sqrt(v + 1e-12), 0.0)), 500_000)


def check_numerics_looks_both_ways():
    def root(at, checked):
        source = tf.Variable(at)
        with tf.GradientTape() as tape:
            v = tf.debugging.check_numerics(source, "here") if checked else tf.identity(source)
            result = tf.sqrt(v)
        return tape.gradient(result, source)

    assert np.isclose(float(root(4.0, True)), 0.25)
    assert np.isinf(float(root(0.0, False)))
    for bad in (0.0, float("nan")):  # the value 0 is finite, and the gradient that comes back to it is not
        with pytest.raises(tf.errors.InvalidArgumentError):
            root(bad, True)


def dropout_sends_zeros_and_twos():
    source = tf.Variable(tf.ones((1, 1000)))
    dropout = tf.keras.layers.Dropout(0.5)
    with tf.GradientTape(persistent=True) as tape:
        dropped, plain = dropout(source, training=True), dropout(source, training=False)
    slopes = tape.gradient(dropped, source).numpy()
    assert set(np.unique(slopes)) == {0.0, 2.0} and 0.4 < (slopes == 0).mean() < 0.6
    assert np.array_equal(slopes == 0, dropped.numpy() == 0)
    assert np.array_equal(plain, source) and np.all(tape.gradient(plain, source) == 1)


def layer_normalization_divides_the_gradient():
    normalize, weights = tf.keras.layers.LayerNormalization(), tf.random.stateless_normal((3, 8), (0, 1))
    rows = tf.random.stateless_normal((3, 8), (0, 2))

    def through(x):
        source = tf.Variable(x)
        with tf.GradientTape() as tape:
            result = normalize(source)
            loss = tf.reduce_sum(result * weights)
        return result, tape.gradient(loss, source).numpy()

    (result, slope), (larger_result, larger_slope) = through(rows), through(100 * rows)
    np.testing.assert_allclose(result.numpy().mean(axis=-1), 0, atol=1e-6)
    np.testing.assert_allclose(result.numpy().var(axis=-1), 1, atol=0.01)
    np.testing.assert_allclose(larger_result, result, atol=0.01)
    np.testing.assert_allclose(100 * larger_slope, slope, atol=0.01 * np.abs(slope).max())


def recompute_grad_runs_the_function_twice():
    calls = []

    def layers(x):
        calls.append(x)
        return tf.tanh(tf.tanh(x) * 3.0)

    source = tf.Variable([0.3, -0.2])
    with tf.GradientTape() as tape:
        result = tf.recompute_grad(layers)(tf.identity(source))
    assert len(calls) == 1
    again = tape.gradient(result, source)
    assert len(calls) == 2
    np.testing.assert_allclose(again, gradient(layers, [0.3, -0.2]), rtol=1e-6)


def norms_are_sizes_of_the_blocks_of_full():
    layer, x = tf.keras.layers.SimpleRNN(3, return_sequences=True), tf.random.stateless_normal((1, 5, 2), (0, 3))
    jac = gradlab.jacobian(layer, x)
    full, norms = np.asarray(jac.full)[0], np.asarray(jac.norms(progress=False))[0]
    assert norms.shape == (5, 5) and full.size == norms.size * 3 * 2
    for t in range(5):
        for s in range(t + 1):
            assert np.isclose(10.0 ** norms[t, s], np.linalg.norm(full[t, :, s]), rtol=1e-4)


def starts_of_a_simple_rnn():
    space = of_notebook("14_", "def make(") | {"gradlab": gradlab}
    cells = WHOLE["14_from_map_to_training"].cells
    exec(next(c.source for c in cells if c.cell_type == "code" and "def simple(" in c.source), space)
    assert space["STEPS"] == 40 and tf.keras.initializers.get("random_normal").stddev == 0.05
    x, _ = space["batch"](-2, size=1)
    layers = {start: space["simple"](start)[0] for start in ("orthogonal", "random_normal")}
    kernel, matrix, _ = layers["orthogonal"].get_weights()
    np.testing.assert_allclose(np.linalg.svd(matrix)[1], 1, atol=1e-5)
    radius = np.abs(np.linalg.eigvals(layers["random_normal"].get_weights()[1])).max()
    assert 0.25 < radius < 0.35
    first = {start: last_row(layer, x)[0] for start, layer in layers.items()}
    assert -22 < first["random_normal"] < -19 and -2 < first["orthogonal"] < 0
    h, slopes = np.zeros((1, 32)), []
    for t in range(40):
        h = np.tanh(x[:, t] @ kernel + h @ matrix)
        slopes.append(1 - h**2)
    assert np.mean(slopes) > 0.9
    large = layers["orthogonal"]
    large.set_weights([10 * kernel, matrix, np.zeros(32)])
    assert last_row(large, x)[0] < first["orthogonal"] - 2
