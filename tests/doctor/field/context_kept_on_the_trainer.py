"""A trainer object encodes the context in one method and opens the tape in another."""

import keras
import tensorflow as tf

ORIGIN = "tensorflow/tensorflow#31265 (values made before the tape), in a class"
WAYS = ("tape",)
COMPILED = False
CAUSE = "before-tape"
EXPECT = {"kernel": "none", "recurrent": "none", "bias": "none", "head kernel": "ok", "head bias": "ok"}


class Trainer:
    def __init__(self, Tape):
        self.Tape = Tape
        self.encoder, self.head = keras.layers.LSTM(4), keras.layers.Dense(1)
        self.context = None

    def prepare(self, x):
        self.context = self.encoder(x)  # <-- cut

    def train(self, y):
        with self.Tape() as tape:
            loss = tf.reduce_mean((self.head(self.context) - y) ** 2)
        return tape.gradient(loss, self.encoder.trainable_variables + self.head.trainable_variables)


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(21)
    trainer = Trainer(Tape)
    trainer.prepare(tf.random.normal((6, 5, 2)))
    return dict(zip(EXPECT, trainer.train(tf.random.normal((6, 1))), strict=True))


if __name__ == "__main__":
    run()
