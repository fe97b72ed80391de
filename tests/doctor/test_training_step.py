"""`explain(model, x, y)` and `assert_gradients`: the training step as `fit` takes it, and nothing changed by asking."""

import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import gradlab

sys.path.insert(0, str(Path(__file__).parent))
import step_cases

keras = tf.keras
L = keras.layers


class Cut(keras.Model):
    def __init__(self):
        super().__init__()
        self.first, self.last = L.Dense(3, "tanh"), L.Dense(1)

    def call(self, x):
        return self.last(tf.stop_gradient(self.first(x)))


class CutInItsOwnStep(Cut):
    def train_step(self, given):
        x, y = given[:2]
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((self(x, training=True) - y) ** 2)
        pairs = zip(tape.gradient(loss, self.trainable_variables), self.trainable_variables, strict=True)
        self.optimizer.apply_gradients([(g, v) for g, v in pairs if g is not None])
        return {"loss": loss}


def batch():
    r = np.random.RandomState(0)
    return r.randn(6, 4).astype("float32"), r.randn(6, 1).astype("float32")


def state(model):
    slots = model.optimizer.variables
    held = [*model.variables, *(slots() if callable(slots) else slots)]
    return [np.asarray(v) for v in held if "seed" not in v.name] + [np.random.get_state()[1]]


def test_the_loss_is_that_of_fit_and_nothing_is_changed():
    """Two outputs, loss weights, add_loss's regulariser, sample weights: the norms are those of fit's own step."""
    keras.utils.set_random_seed(1)
    given = keras.Input((4,))
    hidden = L.Dense(5, "tanh", kernel_regularizer="l2")(given)
    model = keras.Model(given, [L.Dense(1, name="a")(hidden), L.Dense(1, name="b")(hidden)])
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), ["mse", "mae"], loss_weights=[1.0, 0.3])
    x, y = batch()
    weight = np.arange(6, dtype="float32")
    model.fit(x, [y, y], verbose=0)
    before = state(model)
    weights = [weight, weight]
    report = gradlab.explain(model, x, [y, y], sample_weight=weights, level="quick")
    for old, new in zip(before, state(model), strict=True):
        np.testing.assert_array_equal(old, new)
    watch = gradlab.Watch(view=None)
    model.fit(x, [y, y], sample_weight=weights, verbose=0, callbacks=[watch])
    norms = dict(zip(watch.record.names, watch.record.columns[0].norm, strict=True))
    assert {row.name for row in report.rows} == set(norms)
    for row in report.rows:
        assert row.status == "ok"
        np.testing.assert_allclose(row.norm, norms[row.name], rtol=1e-4)


@pytest.mark.parametrize("kind", [Cut, CutInItsOwnStep])
def test_a_cut_is_named_and_the_assertion_fails_with_the_line(kind):
    model = kind()
    model.compile("sgd", "mse")
    x, y = batch()
    model(x)
    before = state(model)
    report = gradlab.explain(model, x, y, level="quick")
    for old, new in zip(before, state(model), strict=True):
        np.testing.assert_array_equal(old, new)
    cut = [row for row in report.rows if row.status == "none"]
    assert len(cut) == 2
    assert "tf.stop_gradient(self.first(x))" in cut[0].where[0].code
    with pytest.raises(AssertionError, match=r"None: no path to the loss[\s\S]*stop_gradient"):
        gradlab.assert_gradients(model, x, y)
    gradlab.assert_gradients(model, x, y, none=True)


def test_what_should_stay_frozen():
    model = keras.Sequential([keras.Input((4,)), L.Dense(3, name="base"), L.Dense(1, name="head")])
    model.compile("sgd", "mse")
    x, y = batch()
    with pytest.raises(AssertionError, match="base/kernel: it should stay frozen"):
        gradlab.assert_gradients(model, x, y, frozen=["base"])
    with pytest.raises(AssertionError, match="'bass' is in no name"):
        gradlab.assert_gradients(model, x, y, frozen=["bass"])
    model.get_layer("base").trainable = False
    gradlab.assert_gradients(model, x, y, frozen=["base"], trained=["head"])


def test_what_else_an_assertion_refuses():
    x, y = batch()
    low = keras.initializers.Constant(-100.0)
    dead = keras.Sequential([keras.Input((4,)), L.Dense(3, "relu", bias_initializer=low, name="dead"), L.Dense(1)])
    spoilt = keras.Sequential([keras.Input((4,)), L.Dense(3, name="first"), L.Lambda(tf.math.log), L.Dense(1)])
    for model in (dead, spoilt):
        model.compile("sgd", "mse")
    with pytest.raises(
        AssertionError, match=r"dead/kernel: exactly zero: the function is flat here \[zero-saturated\].*\n.*\n  fix: "
    ):
        gradlab.assert_gradients(dead, x, y)
    gradlab.assert_gradients(dead, x, y, zero=True)
    with pytest.raises(AssertionError, match=r"first/kernel: NaN"):
        gradlab.assert_gradients(spoilt, x, y)
    gradlab.assert_gradients(spoilt, x, y, finite=False)


def test_an_assertion_on_a_function_of_the_loss():
    w, aside = tf.Variable([1.0, 2.0], name="w"), tf.Variable(1.0, name="aside")

    @tf.custom_gradient
    def half(v):
        return v * v, lambda upstream: upstream * v  # the true slope is twice that

    report = gradlab.assert_gradients(lambda: tf.reduce_sum(w * w), {"w": w})
    np.testing.assert_allclose(report.row("w").norm, 2 * 5**0.5, rtol=1e-6)
    with pytest.raises(AssertionError, match="w: a gradient, but the wrong one"):
        gradlab.assert_gradients(lambda: tf.reduce_sum(half(w)), {"w": w})
    with pytest.raises(AssertionError, match="aside: None: no path"):
        gradlab.assert_gradients(lambda: tf.reduce_sum(w * w), {"w": w, "aside": aside})
    gradlab.assert_gradients(lambda: tf.reduce_sum(w * w), {"w": w, "aside": aside}, trained=["w"])
    critic = lambda x: tf.reduce_mean(x * w + aside)  # noqa: E731
    loss = lambda: critic(tf.constant([1.0, 3.0])) - critic(tf.constant([2.0, 5.0]))  # noqa: E731
    assert gradlab.assert_gradients(loss, {"w": w, "aside": aside}).row("aside").status == "zero"  # by design
    with pytest.raises(AssertionError, match="w: it should stay frozen"):
        gradlab.assert_gradients(lambda: tf.reduce_sum(w * w), {"w": w}, frozen=["w"])


def test_a_layer_that_nothing_calls_is_told_and_building_draws_what_fit_would():
    x, y = batch()
    ends = []
    for asked in (False, True):
        keras.utils.set_random_seed(4)
        model = step_cases.Lazy()
        model.compile("sgd", "mse")
        if asked:
            report = gradlab.explain(model, x, y, level="quick")
            assert [row.name.rpartition("lazy/")[2] for row in report.rows] == [
                f"{layer.name}/{what}" for layer in (model.first, model.last) for what in ("kernel", "bias")
            ]
            assert "never called, so without variables and without gradients: idle (Dense)" in report.notes
        model.fit(x, y, verbose=0, shuffle=False)
        ends.append(model.get_weights())
    for plain, explained in zip(*ends, strict=True):
        np.testing.assert_array_equal(plain, explained)


def test_a_step_of_ones_own_that_builds_the_model_is_taken_back():
    x, y = batch()
    ends = []
    for asked in (False, True):
        keras.utils.set_random_seed(4)
        model = CutInItsOwnStep()
        model.compile("sgd", run_eagerly=True)
        if asked:
            assert len(gradlab.explain(model, x, y, level="quick").rows) == 4
        model.fit(x, y, verbose=0, shuffle=False)
        ends.append(model.get_weights())
    for plain, explained in zip(*ends, strict=True):
        np.testing.assert_array_equal(plain, explained)


def test_wrong_use_is_named():
    model = keras.Sequential([keras.Input((4,)), L.Dense(1)])
    with pytest.raises(ValueError, match="is not compiled"):
        gradlab.explain(model, *batch())
    with pytest.raises(TypeError, match="has no batch"):
        gradlab.explain(model)
    with pytest.raises(TypeError, match="model is a int"):
        gradlab.assert_gradients(3)


@pytest.mark.parametrize("name", step_cases.SAMPLE)
def test_the_step_that_is_explained_is_the_one_that_fit_takes(name):
    assert step_cases.check(name) == name


@pytest.mark.weekly
@pytest.mark.parametrize("name", [name for name in step_cases.CASES if name not in step_cases.SAMPLE])
def test_the_same_for_every_way_to_compile(name):
    assert step_cases.check(name) == name


@pytest.mark.parametrize("kind", [Cut, CutInItsOwnStep])
def test_line_gradients_of_a_training_step(kind):
    """The margin of `call`, and of a train_step of one's own: the cut stands on its line, norms are those of a tape."""
    model = kind()
    model.compile("sgd", "mse")
    x, y = batch()
    model(x)
    before = state(model)
    found = gradlab.line_gradients(model, x, y)
    for old, new in zip(before, state(model), strict=True):
        np.testing.assert_array_equal(old, new)
    called = next(line for line in found.lines if "stop_gradient" in line.text)
    assert called.cut and {kind for _, kind in called.reads} == {"none", "ok"}
    with tf.GradientTape() as tape:
        out = model(x, training=True)
        loss = tf.reduce_mean((out - y) ** 2)
    np.testing.assert_allclose(called.visits[-1].norm, np.linalg.norm(tape.gradient(loss, out)), rtol=1e-5)
    assert {s.kind for s in found.sources} == {"ok", "none"}


def test_an_overflow_of_the_loss_scale_is_told_as_normal():
    keras.utils.set_random_seed(0)  # inputs of 100 saturate a tanh for some weights, and a zero is right there
    scaled = keras.mixed_precision.LossScaleOptimizer(keras.optimizers.SGD(0.1), initial_scale=2.0**127)
    model, x, y = step_cases.dense(optimizer=scaled)
    report = gradlab.explain(model, x * 100, y * 1e6, level="quick")
    assert {str(row.status) for row in report.rows} == {"ok"}
    assert any("overflows" in note and "normal" in note for note in report.notes)
