"""A model scales its table of positions with a trained number in __init__, and adds the table in call(); under fit."""

import keras
import tensorflow as tf

ORIGIN = "learned scale of positional encodings"
WAYS = ("tape",)
WEEKLY = True
COMPILED = True
CAUSE = "before-tape"
EXPECT = {"scale": "none", "kernel": "ok", "bias": "ok"}


class Net(keras.Model):
    def __init__(self, Tape):
        super().__init__()
        self.Tape, self.scale = Tape, self.add_weight(shape=(), initializer="ones", name="scale")
        self.out = keras.layers.Dense(1)
        wave = tf.sin(tf.range(4.0)[:, None] / tf.constant([1.0, 10.0]))
        self.places = wave * self.scale  # <-- cut

    def call(self, x):
        return self.out(tf.tanh(x + self.places))

    def train_step(self, data):
        x, y = data
        with self.Tape() as tape:
            loss = tf.reduce_mean((self(x) - y) ** 2)
        grads = tape.gradient(loss, [self.scale, *self.out.trainable_variables])
        return {n: tf.constant(float("nan")) if g is None else tf.norm(g) for n, g in zip(EXPECT, grads, strict=True)}


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(120)
    net = Net(Tape)
    net.compile("sgd", run_eagerly=not COMPILED)
    history = net.fit(tf.random.normal((3, 4, 2)), tf.random.normal((3, 4, 1)), batch_size=3, verbose=0).history
    values = [history[n][-1] for n in EXPECT]
    return {n: None if v != v else tf.constant(v) for n, v in zip(EXPECT, values, strict=True)}


if __name__ == "__main__":
    run()
