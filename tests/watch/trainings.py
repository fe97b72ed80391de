"""Small trainings, one for each way that Keras may run a step. Each is `make() -> model, x, y, fit arguments`.

Tiny layers: what is tested is how a step is run, not what it learns.
"""

import numpy as np
import tensorflow as tf

keras = tf.keras
LEGACY = not hasattr(keras, "__version__") or keras.__version__.startswith("2")


def data(rows=24, columns=4):
    r = np.random.RandomState(0)
    return r.randn(rows, columns).astype("f"), r.randn(rows, 1).astype("f")


def network(**compiled):
    keras.utils.set_random_seed(1)
    layers = [keras.layers.Dense(6, activation="tanh"), keras.layers.BatchNormalization()]
    if not (LEGACY and compiled.get("jit_compile")):  # two plain trainings differ there: XLA's own random numbers
        layers.append(keras.layers.Dropout(0.3))
    model = keras.Sequential([keras.Input((4,)), *layers, keras.layers.Dense(1)])
    model.compile(**{"optimizer": keras.optimizers.Adam(1e-2), "loss": "mse", **compiled})
    return model


def built(model, **fit):
    return (model, *data(), {"batch_size": 8, "epochs": 2, "verbose": 0, **fit})


def compiled():
    return built(network())


def partial_batch():
    return built(network(), batch_size=10)


def xla():
    return built(network(jit_compile=True))


def eager():
    return built(network(run_eagerly=True))


def several_steps_in_one_call():
    return built(network(steps_per_execution=2))


def several_steps_xla():
    return built(network(steps_per_execution=2, jit_compile=True))


def clipped():
    return built(network(optimizer=keras.optimizers.SGD(0.1, clipnorm=0.1)))


def globally_clipped():
    return built(network(optimizer=keras.optimizers.SGD(0.1, global_clipnorm=0.1)))


def accumulated():
    if LEGACY:
        return None
    return built(network(optimizer=keras.optimizers.SGD(0.1, clipnorm=0.1, gradient_accumulation_steps=2)))


def clipped_xla():
    return built(network(optimizer=keras.optimizers.Adam(0.1, global_clipnorm=0.1), jit_compile=True))


def momentum_xla():
    return built(network(optimizer=keras.optimizers.SGD(0.1, momentum=0.9), jit_compile=True))


def accumulated_xla():
    if LEGACY:
        return None
    return built(network(optimizer=keras.optimizers.SGD(0.1, gradient_accumulation_steps=2), jit_compile=True))


def recurrent(**compiled):
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((5, 4)), keras.layers.LSTM(3), keras.layers.Dense(1)])
    model.compile(optimizer="adam", loss="mse", **compiled)
    x = np.random.RandomState(0).randn(24, 5, 4).astype("f")
    return model, x, data()[1], {"batch_size": 8, "epochs": 2, "verbose": 0}


def recurrent_xla():
    return recurrent(jit_compile=True)


def _embedded(**compiled):
    keras.utils.set_random_seed(1)
    layers = [keras.layers.Embedding(20, 3), keras.layers.Flatten(), keras.layers.Dense(1)]
    model = keras.Sequential([keras.Input((4,), dtype="int32"), *layers])
    model.compile(optimizer="adam", loss="mse", **compiled)
    x = np.random.RandomState(0).randint(0, 9, (24, 4)).astype("int32")
    return model, x, data()[1], {"batch_size": 8, "epochs": 2, "verbose": 0}


def sparse():
    return _embedded()


def sparse_xla():
    return _embedded(jit_compile=True)


def loss_scaled():
    """From a scale of 2^126 several steps overflow before one is taken: normal for a LossScaleOptimizer.

    1 / 2^127 would be subnormal, which TensorFlow takes for zero, and legacy Keras multiplies by it.
    """
    inner = keras.optimizers.SGD(1e-3)
    wrapper = keras.mixed_precision.LossScaleOptimizer
    model = network(optimizer=wrapper(inner, initial_scale=2.0**126, dynamic_growth_steps=100))
    x, y = data()
    return model, x, 10 * y, {"batch_size": 8, "epochs": 4, "verbose": 0}


def mixed_precision(**compiled):
    keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        return built(network(**compiled))
    finally:
        keras.mixed_precision.set_global_policy("float32")


def mixed_precision_xla():
    return mixed_precision(jit_compile=True)


class OwnStep(keras.Model):
    """A custom step that leaves variables without a gradient out, as many published loops do."""

    def __init__(self):
        super().__init__()
        self.used, self.unused = keras.layers.Dense(1), keras.layers.Dense(2, name="unused")

    def build(self, shape):
        self.used.build(shape)
        self.unused.build(shape)
        self.built = True

    def call(self, x):
        return self.used(x)

    def train_step(self, given):
        x, y = given[:2]
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((self(x, training=True) - y) ** 2)
        pairs = zip(tape.gradient(loss, self.trainable_variables), self.trainable_variables, strict=True)
        self.optimizer.apply_gradients([(g, v) for g, v in pairs if g is not None])
        return {"loss": loss}


def own_step_without_nones():
    keras.utils.set_random_seed(1)
    model = OwnStep()
    model.compile("adam")
    model.build((None, 4))
    return built(model)


class Gan(keras.Model):
    """Two optimizers; the discriminator's is not the model's own."""

    def __init__(self):
        super().__init__()
        self.generator = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4)])
        self.discriminator = keras.Sequential([keras.Input((4,)), keras.layers.Dense(5, "tanh"), keras.layers.Dense(1)])
        self.second = keras.optimizers.SGD(0.05)

    def call(self, x):
        return self.discriminator(self.generator(x))

    def train_step(self, given):
        x = given[0] if isinstance(given, tuple) else given
        noise = tf.roll(x, 1, axis=0)
        real, made = tf.ones((tf.shape(x)[0], 1)), tf.zeros((tf.shape(x)[0], 1))
        cross = keras.losses.BinaryCrossentropy(from_logits=True)
        with tf.GradientTape() as tape:
            loss = cross(real, self.discriminator(x)) + cross(made, self.discriminator(self.generator(noise)))
        held = self.discriminator.trainable_variables
        self.second.apply_gradients(zip(tape.gradient(loss, held), held, strict=True))
        with tf.GradientTape() as tape:
            fooled = cross(real, self.discriminator(self.generator(noise)))
        held = self.generator.trainable_variables
        self.optimizer.apply_gradients(zip(tape.gradient(fooled, held), held, strict=True))
        return {"d_loss": loss, "g_loss": fooled}


def two_optimizers():
    keras.utils.set_random_seed(1)
    model = Gan()
    model.compile("adam")
    return built(model)


def _mirrored(**compiled):
    """Two replicas on two logical CPUs, which the process must have made before TensorFlow started."""
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    with strategy.scope():
        optimizer = compiled.pop("make", lambda: keras.optimizers.SGD(0.1))()
        keras.utils.set_random_seed(1)
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(6, "tanh"), keras.layers.Dense(1)])
        model.compile(optimizer=optimizer, loss="mse", **compiled)
    return built(model)


def two_replicas():
    return _mirrored()


def two_replicas_clipped():
    return _mirrored(make=lambda: keras.optimizers.SGD(0.1, clipnorm=0.1))


def two_replicas_xla():
    return _mirrored(jit_compile=True)


def two_replicas_loss_scaled():
    return _mirrored(make=lambda: keras.mixed_precision.LossScaleOptimizer(keras.optimizers.SGD(0.1)))


def legacy_optimizer():
    return built(network(optimizer=keras.optimizers.legacy.SGD(0.1, clipnorm=0.1))) if LEGACY else None


ALL = {
    f.__name__: f
    for f in (
        compiled, partial_batch, xla, eager, several_steps_in_one_call, several_steps_xla, clipped, globally_clipped,
        clipped_xla, momentum_xla, accumulated, accumulated_xla, recurrent, recurrent_xla, sparse, sparse_xla, loss_scaled,
        mixed_precision, mixed_precision_xla, own_step_without_nones, two_optimizers, legacy_optimizer,
    )
}  # fmt: skip
REPLICATED = {f.__name__: f for f in (two_replicas, two_replicas_clipped, two_replicas_loss_scaled, two_replicas_xla)}
