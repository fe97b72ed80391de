"""A Keras 3 model makes levels with keras.ops.cast, looks them up in an Embedding and reads them with a GRU under fit."""

import keras
import tensorflow as tf
from keras import ops

ORIGIN = "keras-team/keras#19313 (keras.ops in a custom layer)"
WAYS = ("tape",)
WEEKLY = True
COMPILED = True
CAUSE = "integer-cast"
EXPECT = {"kernel": "none", "bias": "none", "table": "ok"}


class Levels(keras.Model):
    def __init__(self, Tape):
        super().__init__()
        self.Tape = Tape
        self.encode = keras.layers.Dense(5, activation="sigmoid")
        self.table, self.read = keras.layers.Embedding(8, 4), keras.layers.GRU(3)

    def call(self, x):
        level = ops.cast(7.9 * self.encode(x), "int32")  # <-- cut
        return self.read(self.table(level))

    def train_step(self, data):
        x, y = data
        with self.Tape() as tape:
            loss = ops.mean((self(x) - y) ** 2)
        grads = tape.gradient(loss, [*self.encode.trainable_variables, *self.table.trainable_variables])
        return {n: tf.norm(tf.constant(float("nan")) if g is None else g) for n, g in zip(EXPECT, grads, strict=True)}


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(21)
    net = Levels(Tape)
    net.compile("sgd", run_eagerly=not COMPILED)
    history = net.fit(tf.random.normal((6, 3)), tf.random.normal((6, 3)), batch_size=6, verbose=0).history
    values = [history[n][-1] for n in EXPECT]
    return {n: None if v != v else tf.constant(v) for n, v in zip(EXPECT, values, strict=True)}


if __name__ == "__main__":
    run()
