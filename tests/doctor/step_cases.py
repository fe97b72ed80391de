"""Training steps as `fit` takes them. Each case: a model, a batch, and what goes to `fit` beside it.

`gradlab.Watch` reads the gradients that `fit`'s own step computes, so its norms are what `explain` has to find.
"""

import json

import numpy as np
import tensorflow as tf

import gradlab

keras = tf.keras
L = keras.layers
LEGACY = not hasattr(keras, "__version__") or keras.__version__.startswith("2")
CASES = {}


def case(make):
    CASES[make.__name__] = make
    return make


def dense(*, optimizer="sgd", loss="mse", rows=6, **compiled):
    given = keras.Input((4,))
    model = keras.Model(given, L.Dense(1, name="out")(L.Dense(3, "tanh", name="hidden")(given)))
    model.compile(optimizer, loss, run_eagerly=True, **compiled)
    r = np.random.RandomState(0)
    return model, r.randn(rows, 4), r.randn(rows, 1)


@case
def float64_numpy_and_a_vector_of_targets():
    model, x, y = dense()
    return model, x, y[:, 0], {}


@case
def class_weights():
    given = keras.Input((4,))
    model = keras.Model(given, L.Dense(3, "softmax")(given))
    model.compile("sgd", "sparse_categorical_crossentropy", run_eagerly=True)
    return (
        model,
        np.random.RandomState(0).randn(6, 4),
        np.array([0, 1, 2, 2, 1, 0]),
        {"class_weight": {0: 3.0, 1: 1.0, 2: 0.25}},
    )


@case
def class_weights_of_one_hot_targets_in_a_dataset():
    given = keras.Input((4,))
    model = keras.Model(given, L.Dense(3, "softmax")(given))
    model.compile("sgd", "categorical_crossentropy", run_eagerly=True)
    x = np.random.RandomState(0).randn(6, 4).astype("f")
    y = np.eye(3, dtype="f")[[0, 1, 2, 2, 1, 0]]
    return model, tf.data.Dataset.from_tensor_slices((x, y)).batch(6), None, {"class_weight": {0: 3.0, 1: 1.0, 2: 0.25}}


@case
def a_dataset_with_sample_weights_and_named_inputs():
    a, b = keras.Input((2,), name="a"), keras.Input((3,), name="b")
    model = keras.Model({"a": a, "b": b}, L.Dense(1)(L.concatenate([a, b])))
    model.compile("sgd", "mse", run_eagerly=True)
    r = np.random.RandomState(0)
    x = {"a": r.randn(5, 2).astype("f"), "b": r.randn(5, 3).astype("f")}
    weights = np.array([0, 1, 2, 3, 4], "f")
    return model, tf.data.Dataset.from_tensor_slices((x, r.randn(5, 1).astype("f"), weights)).batch(5), None, {}


@case
def masks_down_to_the_loss():
    given = keras.Input((5,), dtype="int32")
    read = L.Embedding(7, 3, mask_zero=True)(given)
    model = keras.Model(given, L.Dense(1)(L.LSTM(3, return_sequences=True)(read)))
    model.compile("sgd", "mse", run_eagerly=True)
    x = np.array([[1, 2, 3, 0, 0], [4, 5, 0, 0, 0], [1, 1, 6, 2, 3]])
    return model, x, np.random.RandomState(0).randn(3, 5, 1), {}


@case
def two_named_outputs_with_losses_weights_and_a_metric():
    given = keras.Input((4,))
    hidden = L.Dense(3, "tanh")(given)
    model = keras.Model(given, {"a": L.Dense(1, name="a")(hidden), "b": L.Dense(2, name="b")(hidden)})
    losses, weights = {"a": "mae", "b": "mse"}, {"a": 0.3, "b": 2.0}
    model.compile("sgd", losses, loss_weights=weights, metrics={"a": ["mse"]}, run_eagerly=True)
    r = np.random.RandomState(0)
    return model, r.randn(5, 4), {"a": r.randn(5, 1), "b": r.randn(5, 2)}, {}


class Penalty(L.Layer):
    def call(self, x):
        self.add_loss(0.5 * tf.reduce_mean(x**4))
        return x


@case
def added_losses_and_regularisers_of_three_kinds():
    given = keras.Input((4,))
    hidden = L.Dense(3, kernel_regularizer="l2", bias_regularizer="l1", activity_regularizer="l2")(given)
    model = keras.Model(given, L.Dense(1)(Penalty()(hidden)))
    model.compile("sgd", "mse", run_eagerly=True)
    r = np.random.RandomState(0)
    return model, r.randn(5, 4), r.randn(5, 1), {}


@case
def added_losses_alone():
    given = keras.Input((4,))
    model = keras.Model(given, Penalty()(L.Dense(3)(given)))
    model.compile("sgd", run_eagerly=True)
    return model, np.random.RandomState(0).randn(5, 4), None, {}


@case
def loss_scaling():
    scaled = keras.mixed_precision.LossScaleOptimizer(keras.optimizers.SGD(0.1))
    return (*dense(optimizer=scaled), {})


@case
def mixed_precision_with_loss_scaling():
    before = keras.mixed_precision.global_policy() if LEGACY else keras.config.dtype_policy()
    keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        scaled = keras.mixed_precision.LossScaleOptimizer(keras.optimizers.SGD(0.1))
        model, x, y = dense(optimizer=scaled)  # float16 down to the loss: a loss above 2 times 2^15 would overflow
        return model, x * 0.1, y * 0.1, {"rtol": 5e-3}
    finally:
        keras.mixed_precision.set_global_policy(before)


class OwnLoss(keras.Model):
    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return tf.reduce_mean(tf.abs(y - y_pred)) * 3.0 + tf.reduce_sum(self.trainable_variables[0] ** 2)


@case
def a_compute_loss_of_ones_own():
    given = keras.Input((4,))
    model = OwnLoss(given, L.Dense(1)(given))
    model.compile("sgd", run_eagerly=True)
    r = np.random.RandomState(0)
    return model, r.randn(5, 4), r.randn(5, 1), {}


class OwnStep(keras.Model):
    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            loss = 7.0 * tf.reduce_mean((self(x, training=True) - y) ** 2)
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
        return {"loss": loss}


@case
def a_train_step_of_ones_own():
    given = keras.Input((4,))
    model = OwnStep(given, L.Dense(1)(L.Dense(2, "tanh")(given)))
    model.compile("sgd", run_eagerly=True)
    r = np.random.RandomState(0)
    return model, r.randn(5, 4), r.randn(5, 1), {}


class Around(keras.Model):
    def train_step(self, data):
        logs = super().train_step(data)
        return {**logs, "more": 1.0}


@case
def a_train_step_around_keras_own():
    given = keras.Input((4,))
    model = Around(given, L.Dense(1)(L.Dense(2, "tanh")(given)))
    model.compile("sgd", "mse", run_eagerly=True)
    r = np.random.RandomState(0)
    return model, r.randn(5, 4), r.randn(5, 1), {}


class Threefold(L.Layer):
    """Like dropout, it does something else in training; unlike dropout, it draws no numbers."""

    def call(self, x, training=None):
        return 3.0 * x if training else x


@case
def what_only_training_does_is_on():
    given = keras.Input((4,))
    hidden = Threefold()(L.Dense(6, "tanh")(given))
    if not LEGACY:  # there the mask is drawn from a generator that is not a variable, and the next step draws another
        hidden = L.GaussianNoise(0.3)(L.Dropout(0.5)(hidden))
    model = keras.Model(given, L.Dense(1)(L.BatchNormalization()(hidden)))
    model.compile("sgd", "mse", run_eagerly=True)
    r = np.random.RandomState(0)
    return model, r.randn(8, 4), r.randn(8, 1), {}


class Lazy(keras.Model):
    """Never called yet, so none of its layers has variables."""

    def __init__(self):
        super().__init__(name="lazy")
        self.first, self.last, self.idle = L.Dense(3, "tanh"), L.Dense(1), L.Dense(5, name="idle")

    def call(self, x):
        return self.last(self.first(x))


@case
def a_model_that_was_never_called():
    model = Lazy()
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), "mse", run_eagerly=True)
    r = np.random.RandomState(0)
    return model, r.randn(5, 4), r.randn(5, 1), {}


@case
def momentum_clipping_and_a_frozen_layer():
    model, x, y = dense(optimizer=keras.optimizers.SGD(0.1, momentum=0.9, clipnorm=0.01))
    model.get_layer("hidden").trainable = False
    model.compile(model.optimizer, "mse", run_eagerly=True)
    return model, x, y, {}


def state(model):
    slots = model.optimizer.variables
    held = [
        *model.variables,
        *(slots() if callable(slots) else slots),
        *(v for m in model.metrics for v in m.variables),
    ]
    return [np.asarray(v) for v in held]


def check(name):
    """The report's norms are those of the step that `fit` takes next, and asking changed nothing."""
    keras.utils.set_random_seed(2)
    model, x, y, fit = CASES[name]()
    rtol = fit.pop("rtol", 1e-4)
    before, drawn = state(model) if model.built else [], np.random.get_state()[1].copy()
    report = gradlab.explain(model, x, y, level="quick", **fit)
    listed = [row for row in report.rows if row.status != "missing"]  # frozen variables are told as such
    found = {row.name: row for row in listed}
    after_all = state(model)
    after = after_all[: len(before)]  # an optimizer may have been built meanwhile: its slots come after
    for old, new in zip(before, after, strict=True):
        np.testing.assert_array_equal(old, new)
    np.testing.assert_array_equal(drawn, np.random.get_state()[1])
    before = before or after_all
    lines = gradlab.line_gradients(model, x, y, cut=False, **fit)
    for old, new in zip(before, state(model), strict=False):
        np.testing.assert_array_equal(old, new)
    assert lines.error is None
    assert {s.kind for s in lines.sources if s.kind != "missing"} == {"ok"}, name
    watch = gradlab.Watch(view=None, ask=False)
    more = {} if isinstance(x, tf.data.Dataset) else {"batch_size": 100, "shuffle": False}
    model.fit(x, y, verbose=0, callbacks=[watch], **more, **fit)
    norms = dict(zip(watch.record.names, watch.record.columns[0].norm, strict=True))
    assert set(found) == set(norms), (set(found), set(norms))
    for row in listed:
        assert row.status == "ok", (row.name, str(row.status), row.cause)
        np.testing.assert_allclose(row.norm, norms[row.name], rtol=rtol)
    return name


SAMPLE = [
    "class_weights_of_one_hot_targets_in_a_dataset",
    "masks_down_to_the_loss",
    "two_named_outputs_with_losses_weights_and_a_metric",
    "added_losses_and_regularisers_of_three_kinds",
    "mixed_precision_with_loss_scaling",
    "a_train_step_of_ones_own",
    "what_only_training_does_is_on",
    "a_model_that_was_never_called",
]


def check_all(names=CASES):
    return [check(name) for name in names]


if __name__ == "__main__":
    print(json.dumps(check_all()))
