"""A custom layer under mixed_float16 rounds its kernel to eighths in call(); an LSTM reads what it gives; under fit."""

import keras
import tensorflow as tf
from keras import ops

ORIGIN = "keras-team/keras#18975 (quantised layers)"
WAYS = ("tape",)
WEEKLY = True
COMPILED = True
CAUSE = "no-gradient-op"
EXPECT = {"kernel": "none", "recurrent": "ok"}


class Eighths(keras.layers.Layer):
    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], 4), name="kernel")

    def call(self, x):
        return ops.matmul(x, ops.round(8 * self.kernel) / 8)  # <-- cut


class Net(keras.Model):
    def __init__(self, Tape):
        super().__init__()
        self.Tape, self.front = Tape, Eighths(dtype="mixed_float16")
        self.lstm = keras.layers.LSTM(1, dtype="mixed_float16")

    def call(self, x):
        return ops.cast(self.lstm(self.front(x)), "float32")

    def train_step(self, data):
        x, y = data
        with self.Tape() as tape:
            loss = ops.mean(ops.square(self(x) - y))
        grads = tape.gradient(loss, [self.front.kernel, self.lstm.cell.recurrent_kernel])
        return {n: tf.constant(float("nan")) if g is None else tf.norm(g) for n, g in zip(EXPECT, grads, strict=True)}


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(47)
    net = Net(Tape)
    net.compile("sgd", run_eagerly=not COMPILED)
    history = net.fit(tf.random.normal((4, 5, 2)), tf.random.normal((4, 1)), batch_size=4, verbose=0).history
    values = [history[n][-1] for n in EXPECT]
    return {n: None if v != v else tf.constant(v) for n, v in zip(EXPECT, values, strict=True)}


if __name__ == "__main__":
    run()
