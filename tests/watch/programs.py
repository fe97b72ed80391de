"""Healthy and broken programs, written before the thresholds of the rules were set.

`HEALTHY[name]()` and `BROKEN[name].make()` give model, x, y and fit arguments. A broken one says which rules would be a
right answer and at which step its fault begins.
"""

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

keras = tf.keras
L = keras.layers
HEALTHY, BROKEN = {}, {}
MISSED = {"unscaled_inputs"}  # every layer's gradient is 1e10 alike, so no rule of sizes against each other sees it


@dataclass
class Broken:
    make: object
    rules: tuple
    begins: int


def healthy(make):
    HEALTHY[make.__name__] = make
    return make


def broken(*rules, begins=1):
    def register(make):
        BROKEN[make.__name__] = Broken(make, rules, begins)
        return make

    return register


def watched(make):
    """The `Watch` of one training; the doctor is not asked."""
    from gradlab.watch import Watch

    keras.utils.set_random_seed(0)  # the same start whatever ran before
    model, x, y, fit = make()
    watch = Watch(view=None, ask=False)
    model.fit(x, y, **fit, callbacks=[watch])
    return watch


def right(program, alarms):
    """The first alarm that is a right answer to a broken program, or None."""
    return next((a for a in alarms if a.rule in program.rules), None)


def rng(seed=0):
    keras.utils.set_random_seed(7)
    return np.random.RandomState(seed)


def fit(epochs=5, batch=16, **more):
    return {"batch_size": batch, "epochs": epochs, "verbose": 0, **more}


def table(rows=256, columns=8, classes=None, scale=1.0, seed=0):
    r = rng(seed)
    x = (r.randn(rows, columns) * scale).astype("f")
    w = r.randn(columns, classes or 1)
    return x, ((x @ w).argmax(1).astype("int32") if classes else (np.tanh(x @ w)).astype("f"))


def dense(*sizes, activation="relu", optimizer=None, loss="mse", last=None, **compiled):
    model = keras.Sequential([keras.Input((8,)), *[L.Dense(n, activation) for n in sizes], L.Dense(last or 1)])
    model.compile(optimizer=optimizer or keras.optimizers.Adam(3e-3), loss=loss, **compiled)
    return model


def cross():
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


# --- healthy ----------------------------------------------------------------------------------------------------------


@healthy
def regression():
    x, y = table()
    return dense(16, 16), x, y, fit()


@healthy
def regression_sgd_large_targets():
    """Targets near 300 make gradients large at first; that is not an explosion."""
    x, y = table()
    return dense(16, optimizer=keras.optimizers.SGD(1e-4)), x, 300 * y, fit()


@healthy
def classifier_with_warmup_and_decay():
    x, y = table(classes=3)
    schedule = keras.optimizers.schedules.CosineDecay(1e-2, 80)
    return dense(24, optimizer=keras.optimizers.Adam(schedule), loss=cross(), last=3), x, y, fit(6)


@healthy
def batch_norm_and_dropout():
    x, y = table(classes=3)
    layers = [L.Dense(16, use_bias=True), L.BatchNormalization(), L.ReLU(), L.Dropout(0.4), L.Dense(3)]
    model = keras.Sequential([keras.Input((8,)), *layers])
    model.compile("adam", cross())
    return model, x, y, fit()


@healthy
def convolution():
    r = rng()
    x, y = r.randn(96, 8, 8, 1).astype("f"), r.randint(0, 3, 96)
    x[y == 1] += 0.7
    layers = [L.Conv2D(4, 3, activation="relu"), L.MaxPool2D(), L.Flatten(), L.Dense(3)]
    model = keras.Sequential([keras.Input((8, 8, 1)), *layers])
    model.compile("adam", cross())
    return model, x, y, fit(10)


@healthy
def sequence_with_gru():
    r = rng()
    x = r.randn(128, 8, 3).astype("f")
    model = keras.Sequential([keras.Input((8, 3)), L.GRU(8), L.Dense(1)])
    model.compile(keras.optimizers.Adam(1e-2), "mse")
    return model, x, x[:, :, :1].sum(1), fit(8)


@healthy
def text_with_embedding():
    r = rng()
    x = r.randint(1, 200, (128, 6))
    model = keras.Sequential(
        [keras.Input((6,), dtype="int32"), L.Embedding(2000, 8), L.GlobalAveragePooling1D(), L.Dense(1)]
    )
    model.compile("adam", keras.losses.BinaryCrossentropy(from_logits=True))
    return model, x, (x.mean(1, keepdims=True) > 100).astype("f"), fit(8)


@healthy
def attention():
    """The key's bias has no influence on a softmax; its gradient is rounding noise. That is by design."""
    r = rng()
    x = r.randn(128, 5, 8).astype("f")
    given = keras.Input((5, 8))
    h = L.LayerNormalization()(given + L.MultiHeadAttention(2, 4)(given, given))
    h = L.LayerNormalization()(h + L.Dense(8)(L.Dense(16, "relu")(h)))
    model = keras.Model(given, L.Dense(1)(L.GlobalAveragePooling1D()(h)))
    model.compile("adam", "mse")
    return model, x, x[:, 0, :1], fit(8)


@healthy
def autoencoder_adamw_clipped():
    x, _ = table()
    model = keras.Sequential([keras.Input((8,)), L.Dense(4, "tanh"), L.Dense(8)])
    model.compile(keras.optimizers.AdamW(3e-3, global_clipnorm=1.0), "mse")
    return model, x, x, fit()


@healthy
def loss_scaling_overflows():
    """The first scales overflow: normal for a LossScaleOptimizer."""
    x, y = table()
    legacy = not hasattr(keras, "__version__") or keras.__version__.startswith("2")
    first = 2.0**126 if legacy else 2.0**127  # legacy Keras multiplies by 1 / scale, which for 2^127 rounds to zero
    optimizer = keras.mixed_precision.LossScaleOptimizer(keras.optimizers.Adam(3e-3), initial_scale=first)
    return dense(16, optimizer=optimizer), x, y, fit()


@healthy
def solved_exactly():
    """Hinge loss on points that are far apart: loss and gradients become exactly zero, for the task is done."""
    r = rng()
    y = np.where(r.rand(128, 1) > 0.5, 1.0, -1.0).astype("f")
    x = (y * 3 + 0.1 * r.randn(128, 8)).astype("f")
    return dense(8, activation="tanh", optimizer=keras.optimizers.Adam(0.03), loss="hinge"), x, y, fit(15)


@healthy
def fine_tuning():
    x, y = table(classes=3)
    model = keras.Sequential([keras.Input((8,)), L.Dense(16, "relu", trainable=False), L.Dense(16, "relu"), L.Dense(3)])
    model.compile(keras.optimizers.SGD(0.03, momentum=0.9), cross())
    return model, x, y, fit(6)


@healthy
def zero_start_of_the_last_layer():
    """A last layer that starts from zeros passes no gradient in the first step; then it does."""
    x, y = table()
    model = keras.Sequential([keras.Input((8,)), L.Dense(16, "tanh"), L.Dense(1, kernel_initializer="zeros")])
    model.compile("adam", "mse")
    return model, x, y, fit()


@healthy
def attention_over_small_embeddings():
    """Scores begin near zero, so query and key have gradients thousands of times smaller than the head's; Adam evens them out."""
    r = rng()
    x = r.randint(0, 300, (128, 12))
    given = keras.Input((12,), dtype="int32")
    h = L.Embedding(300, 8)(given)
    h = L.LayerNormalization()(h + L.MultiHeadAttention(2, 8)(h, h))
    h = L.Dense(20, "relu")(L.GlobalAveragePooling1D()(h))
    model = keras.Model(given, L.Dense(2, "softmax")(h))
    model.compile("adam", "sparse_categorical_crossentropy")
    return model, x, (x.mean(1) > 150).astype("int32"), fit(5)


class Critic(keras.Model):
    """The loss of a Wasserstein critic is a difference of its outputs, in which its last bias cancels."""

    def __init__(self):
        super().__init__()
        self.inside = keras.Sequential([keras.Input((8,)), L.Dense(8, "tanh"), L.Dense(1)])

    def call(self, x):
        return self.inside(x)

    def train_step(self, given):
        x, y = given[:2]
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(self(x)) - tf.reduce_mean(self(x + y))
        held = self.trainable_variables
        self.optimizer.apply_gradients(zip(tape.gradient(loss, held), held, strict=True))
        return {"loss": loss}


@healthy
def critic_whose_last_bias_cancels():
    x, y = table()
    model = Critic()
    model.compile(keras.optimizers.Adam(3e-4))
    model(x[:1])
    return model, x, y, fit(3)


# --- broken: no gradient ----------------------------------------------------------------------------------------------


class Sliced(keras.Model):
    """A branch that the output does not use."""

    def __init__(self):
        super().__init__()
        self.used, self.head, self.forgotten = L.Dense(8, "relu"), L.Dense(1), L.Dense(8, name="forgotten")

    def call(self, x):
        self.forgotten(x)
        return self.head(self.used(x))


@broken("none")
def branch_left_out():
    x, y = table()
    model = Sliced()
    model.compile("adam", "mse")
    model(x[:1])
    return model, x, y, fit(2)


class Rounded(keras.Model):
    """A hidden value goes through an integer."""

    def __init__(self):
        super().__init__()
        self.first, self.last = L.Dense(8, "relu"), L.Dense(1)

    def call(self, x):
        return self.last(tf.cast(tf.cast(10.0 * self.first(x), tf.int32), tf.float32))


@broken("none")
def integer_in_the_middle():
    x, y = table()
    model = Rounded()
    model.compile("adam", "mse")
    model(x[:1])
    return model, x, y, fit(2)


class Filtered(Rounded):
    """The same, in a custom step that leaves Nones out and so hides them from Keras' warning."""

    def train_step(self, given):
        x, y = given[:2]
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((self(x, training=True) - y) ** 2)
        pairs = zip(tape.gradient(loss, self.trainable_variables), self.trainable_variables, strict=True)
        self.optimizer.apply_gradients([(g, v) for g, v in pairs if g is not None])
        return {"loss": loss}


@broken("unseen", "none")
def nones_filtered_out():
    x, y = table()
    model = Filtered()
    model.compile("adam")
    model(x[:1])
    return model, x, y, fit(2)


class Stopped(keras.Model):
    """tf.stop_gradient left in from an experiment."""

    def __init__(self):
        super().__init__()
        self.first, self.last = L.Dense(8, "relu"), L.Dense(1)

    def call(self, x):
        return self.last(tf.stop_gradient(self.first(x)))


@broken("none")
def stop_gradient_left_in():
    x, y = table()
    model = Stopped()
    model.compile("adam", "mse")
    model(x[:1])
    return model, x, y, fit(2)


# --- broken: zero -----------------------------------------------------------------------------------------------------


@broken("zero", "dead")
def relu_dead_from_the_start():
    x, y = table()
    model = keras.Sequential(
        [keras.Input((8,)), L.Dense(8, "relu", bias_initializer=keras.initializers.Constant(-100.0)), L.Dense(1)]
    )
    model.compile(keras.optimizers.SGD(0.01), "mse")
    return model, x, y, fit(3)


@broken("dead", "exploding", "update", begins=1)
def relu_killed_by_the_learning_rate():
    x, y = table()
    return dense(8, optimizer=keras.optimizers.SGD(3.0)), x, 5 * y + 5, fit(8)


@broken("zero")
def saturated_sigmoid():
    x, y = table(scale=1000.0)
    model = keras.Sequential(
        [keras.Input((8,)), L.Dense(8, "sigmoid", kernel_initializer=keras.initializers.Constant(5.0)), L.Dense(1)]
    )
    model.compile(keras.optimizers.SGD(0.01), "mse")
    return model, np.abs(x) + 100, y, fit(3)


@broken("zero")
def clipped_output():
    x, y = table()
    model = keras.Sequential(
        [keras.Input((8,)), L.Dense(8, "tanh"), L.Dense(1), L.Lambda(lambda v: tf.clip_by_value(v, 20.0, 30.0))]
    )
    model.compile("adam", "mse")
    return model, x, 25 + y, fit(3)


@broken("zero", "none")
def everything_masked():
    r = rng()
    x = np.zeros((96, 5), "int32")
    model = keras.Sequential(
        [keras.Input((5,), dtype="int32"), L.Embedding(20, 4, mask_zero=True), L.SimpleRNN(4), L.Dense(1)]
    )
    model.compile("adam", "mse")
    return model, x, r.randn(96, 1).astype("f"), fit(5)


@broken("zero")
def zero_everywhere_initialised():
    """All kernels zero: only the last bias ever learns."""
    x, y = table()
    model = keras.Sequential(
        [keras.Input((8,)), L.Dense(8, "relu", kernel_initializer="zeros"), L.Dense(1, kernel_initializer="zeros")]
    )
    model.compile("adam", "mse")
    return model, x, y, fit(3)


# --- broken: not finite -----------------------------------------------------------------------------------------------


@broken("nan", begins=13)
def nan_in_one_batch():
    x, y = table()
    x = x.copy()
    x[200] = np.nan  # batch 13 of 16
    return dense(8), x, y, fit(2, shuffle=False)


@broken("nan")
def log_of_zero():
    x, y = table()
    model = keras.Sequential([keras.Input((8,)), L.Dense(8, "relu"), L.Lambda(tf.math.log), L.Dense(1)])
    model.compile("adam", "mse")
    return model, x, y, fit(2)


@broken("nan")
def norm_of_zero():
    x, y = table()
    x = x.copy()
    x[:] = 0.0
    model = keras.Sequential(
        [keras.Input((8,)), L.Dense(8), L.Lambda(lambda v: tf.norm(v, axis=1, keepdims=True)), L.Dense(1)]
    )
    model.compile("adam", "mse")
    return model, x, y, fit(2)


@broken("nan", "exploding", "update", begins=1)
def overflow_by_the_learning_rate():
    x, y = table()
    return dense(8, activation="linear", optimizer=keras.optimizers.SGD(5.0)), x, y, fit(3)


@broken("nan", begins=17)
def nan_hidden_by_nan_mean():
    """A division by a count that is zero in one batch of the second epoch's kind: a row of zeros as weights."""
    x, y = table(rows=272)
    x = x.copy()
    x[256:272] = 0.0

    def normalised(v):
        return v / tf.reduce_sum(tf.abs(v), axis=1, keepdims=True)

    model = keras.Sequential([keras.Input((8,)), L.Lambda(normalised), L.Dense(8, "tanh"), L.Dense(1)])
    model.compile("adam", "mse")
    return model, x, y, fit(2, shuffle=False)


# --- broken: sizes ----------------------------------------------------------------------------------------------------


@broken("exploding", "update", "nan", "imbalance")
def exploding_recurrence():
    r = rng()
    x = r.randn(96, 40, 3).astype("f")
    cell = L.SimpleRNN(8, activation="linear", recurrent_initializer=keras.initializers.RandomNormal(0, 0.9))
    model = keras.Sequential([keras.Input((40, 3)), cell, L.Dense(1)])
    model.compile(keras.optimizers.SGD(0.01), "mse")
    return model, x, x[:, 0, :1], fit(3)


@broken("exploding", "update", "nan", begins=20)
def learning_rate_jumps():
    x, y = table()
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay([20], [0.01, 10.0])
    return dense(8, activation="linear", optimizer=keras.optimizers.SGD(schedule)), x, y, fit(5)


@broken("update")
def learning_rate_far_too_small():
    x, y = table()
    return dense(16, 16, optimizer=keras.optimizers.SGD(1e-8)), x, y, fit()


@broken("update")
def learning_rate_far_too_large_adam():
    x, y = table()
    return dense(16, optimizer=keras.optimizers.Adam(3.0)), x, y, fit()


@broken("imbalance", "zero")
def vanishing_sigmoids():
    x, y = table()
    return dense(*[8] * 10, activation="sigmoid", optimizer=keras.optimizers.SGD(0.1)), x, y, fit()


@broken("imbalance", "update")
def one_scaled_branch():
    x, y = table()
    model = keras.Sequential([keras.Input((8,)), L.Dense(8, "tanh"), L.Rescaling(1e-5), L.Dense(1)])
    model.compile(keras.optimizers.SGD(0.01), "mse")
    return model, x, y, fit()


@broken("imbalance", "update")
def unscaled_inputs():
    x, y = table(scale=1e5)
    layers = [L.Dense(8, "linear"), L.Dense(8, "linear"), L.Dense(1)]
    model = keras.Sequential([keras.Input((8,)), *layers])
    model.compile(keras.optimizers.SGD(1e-14), "mse")
    return model, x, y, fit()


@broken("nan")  # a plain fit loses its weights in the first step too
def exp_without_bound():
    x, y = table(scale=30.0)
    model = keras.Sequential([keras.Input((8,)), L.Dense(8), L.Lambda(tf.exp), L.Dense(1)])
    model.compile(keras.optimizers.SGD(0.01), "mse")
    return model, x, y, fit(2)
