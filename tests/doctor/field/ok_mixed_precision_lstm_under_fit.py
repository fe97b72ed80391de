"""Healthy: an LSTM under mixed_float16 in a custom train_step with a scaled loss."""

import keras
import tensorflow as tf

ORIGIN = "the guide on mixed precision"
WAYS = ("tape",)
WEEKLY = True
COMPILED = True
CAUSE = None
EXPECT = {"kernel": "ok", "recurrent": "ok", "bias": "ok", "head kernel": "ok", "head bias": "ok"}


class Net(keras.Model):
    def __init__(self, Tape):
        super().__init__()
        self.Tape = Tape
        self.lstm = keras.layers.LSTM(3, dtype="mixed_float16")
        self.head = keras.layers.Dense(1, dtype="float32")

    def call(self, x):
        return self.head(self.lstm(x))

    def train_step(self, data):
        x, y = data
        with self.Tape() as tape:
            loss = tf.reduce_mean((self(x) - y) ** 2)
            scaled = 256.0 * loss
        grads = [g / 256.0 for g in tape.gradient(scaled, self.trainable_variables)]
        self.optimizer.apply_gradients(zip(grads, self.trainable_variables, strict=True))
        return {n: tf.norm(g) for n, g in zip(EXPECT, grads, strict=True)}


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(46)
    net = Net(Tape)
    net.compile("sgd", run_eagerly=not COMPILED)
    history = net.fit(tf.random.normal((4, 5, 2)), tf.random.normal((4, 1)), batch_size=4, verbose=0).history
    return {n: tf.constant(history[n][-1]) for n in EXPECT}


if __name__ == "__main__":
    run()
