"""`explain(model, x, y)` and `assert_gradients`: the training step as `fit` takes it, and nothing changed by asking."""

import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import gradlab
from gradlab.doctor.frontends.given_batch import misfit

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
    told = r"dead/kernel: exactly zero: the function is flat here \[zero-saturated\].*\n.*dead/bias: "
    with pytest.raises(AssertionError, match=told) as zero:
        gradlab.assert_gradients(dead, x, y)
    assert str(zero.value).count("\n  fix: ") == 1  # two variables, one cause: two lines, and what to do once
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


def q_learning():
    """A healthy target network: the loss stops the gradient of the target on purpose."""
    w = tf.Variable(np.random.RandomState(3).randn(4, 2), dtype=tf.float32, name="w")
    x = tf.random.stateless_normal((8, 4), (1, 2))

    def loss():
        target = tf.stop_gradient(0.9 * tf.reduce_max(tf.tanh(x + 0.1) @ w, -1) + 1.0)
        return tf.reduce_mean((tf.reduce_max(tf.tanh(x) @ w, -1) - target) ** 2)

    return loss, {"w": w}


def test_what_is_by_design_passes_unless_it_is_asked():
    loss, sources = q_learning()
    report = gradlab.assert_gradients(loss, sources)
    assert {str(row.status) for row in report.rows} == {"wrong"} and all(row.by_design for row in report.rows)
    with pytest.raises(
        AssertionError, match=r"the wrong one: .*\[stop-gradient\][\s\S]*if it is meant: wrong=True"
    ) as said:
        gradlab.assert_gradients(loss, sources, by_design=False)
    assert str(said.value).count("target = tf.stop_gradient(") == 1
    gradlab.assert_gradients(loss, sources, by_design=False, wrong=True)
    w = tf.Variable([1.0, 2.0], name="w")
    with pytest.raises(AssertionError, match=r"w: None: [\s\S]*if it is meant: none=True"):  # it would never train
        gradlab.assert_gradients(lambda: tf.reduce_sum(tf.stop_gradient(w) * 2.0), {"w": w})


def test_a_loss_that_is_flat_in_one_direction_is_no_straight_through_estimator(monkeypatch):
    """By chance a target network's loss can be flat where the first difference is taken."""
    from gradlab.doctor.analysis.finite_differences import SEED, Probe, Slope

    plain = Probe.slope

    def slope(self, sources, gradients, eps=0.01, seed=SEED):
        found = plain(self, sources, gradients, eps, seed)
        return Slope(found.tape, found.tape / 1000, found.step, True) if seed == SEED else found

    monkeypatch.setattr(Probe, "slope", slope)
    loss, sources = q_learning()
    row = gradlab.explain(loss, sources).rows[0]
    assert (str(row.status), row.cause, row.by_design) == ("wrong", "stop-gradient", True)
    w = tf.Variable([1.0, 2.0])
    log_p = lambda: tf.reduce_sum(w * tf.constant([0.3, 0.2]))  # noqa: E731
    flat = lambda: 3.0 * tf.exp(log_p() - tf.stop_gradient(log_p()))  # noqa: E731 (REINFORCE: the value is 3 whatever w is)
    row = gradlab.explain(flat, {"w": w}).row("w")
    assert str(row.status) == "ok" and "on purpose (the loss itself does not move)" in row.evidence


def test_a_string_is_no_list_of_names():
    model = keras.Sequential([keras.Input((4,)), L.Dense(3, name="base"), L.Dense(1, name="head")])
    model.compile("sgd", "mse")
    for word in ("trained", "frozen"):
        with pytest.raises(
            TypeError, match=rf"{word} is the string 'head'; expected a list of names: {word}=\['head'\]"
        ):
            gradlab.assert_gradients(model, *batch(), **{word: "head"})
    w = tf.Variable([1.0, 2.0])
    for ask in (gradlab.explain, gradlab.line_gradients):
        with pytest.raises(TypeError, match=r"watch is the string 'w'; expected a list of names: watch=\['w'\]"):
            ask(lambda: tf.reduce_sum(w), {"w": w}, watch="w")
    with pytest.raises(TypeError, match="positions is the string 'on'"):
        gradlab.picture("on", [])
    from gradlab.lines.picture import picture

    with pytest.raises(TypeError, match="titles is the string 'on'"):
        picture([], "on")


def recurrent():
    model = keras.Sequential([keras.Input((5, 3)), L.SimpleRNN(4, name="rnn"), L.Dense(1)], name="mine")
    model.compile("sgd", "mse")
    return model, np.ones((8, 5, 3), "float32"), np.ones((8, 1), "float32")


MODEL, X, Y = recurrent()
DATA = tf.data.Dataset.from_tensor_slices((X, Y))
ASKS = [gradlab.explain, gradlab.line_gradients, gradlab.through_time]
NO_BATCH = {
    "empty dataset": ((DATA.take(0).batch(4),), r"x is a tf\.data\.Dataset without any batch \(cardinality 0\)"),
    "empty arrays": ((X[:0], Y[:0]), r"x has no samples: its shape is \(0, 5, 3\); expected at least one"),
    "features": ((X[:, :, :2], Y), r"x has shape \(8, 5, 2\), and Sequential 'mine' was built for \(None, 5, 3\)"),
    "no batch axis": (
        (DATA,),
        r"x has shape \(5, 3\)[\s\S]*the batch axis may be missing: dataset\.batch\(n\), or x\[None\]",
    ),
    "other sizes": ((X, Y[:7]), "not of one size: x has 8, y has 7 samples"),
    "a string": (("hello", Y), "x is one string without a batch axis"),
    "x and y exchanged": ((Y, X), r"x has shape \(8, 1\)"),
}


@pytest.mark.parametrize("name", NO_BATCH)
def test_what_is_no_batch_is_named(name):
    given, words = NO_BATCH[name]
    for ask in ASKS:
        with pytest.raises(ValueError, match=words):
            ask(MODEL, *given)


def test_an_input_too_many_is_counted():
    assert misfit(MODEL, (X, X)) == "x has 2 parts, and Sequential 'mine' has 1 input"
    assert misfit(MODEL, X) == "" and misfit(step_cases.Lazy(), X[:, 0]) == ""  # it fits, or is not known


def test_a_loss_that_lacks_its_targets_is_named():
    for ask in (gradlab.explain, gradlab.line_gradients, gradlab.assert_gradients):
        with pytest.raises(ValueError, match=r"y is None.*loss that compares with it \(mse\); expected gradlab\."):
            ask(MODEL, X)
    assert gradlab.through_time(MODEL, X)[0].kind == "SimpleRNN"  # there it means the sum of the outputs


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
