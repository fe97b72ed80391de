"""Sequence to sequence: the encoder's states are made before the with-block, the decoder runs in it; compiled method."""

import keras
import tensorflow as tf

ORIGIN = "tensorflow/nmt-like training steps"
WAYS = ("tape",)
WEEKLY = True
COMPILED = True
CAUSE = "before-tape"
EXPECT = {"kernel": "none", "recurrent": "none", "bias": "none", "out kernel": "ok", "out bias": "ok"}


class Translator:
    def __init__(self, Tape):
        self.Tape = Tape
        self.encode = keras.layers.LSTM(4, return_state=True)
        self.decode, self.out = keras.layers.LSTM(4, return_sequences=True), keras.layers.Dense(5)

    def states_of(self, x):
        _, h, c = self.encode(x)
        return [h, c]

    def step(self, x, y):
        states = self.states_of(x)  # <-- cut
        with self.Tape() as tape:
            logits = self.out(self.decode(tf.one_hot(y, 5), initial_state=states))
            loss = tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(y, logits, from_logits=True))
        return tape.gradient(loss, self.encode.trainable_variables + self.out.trainable_variables)


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(40)
    net, x, y = Translator(Tape), tf.random.normal((3, 4, 2)), tf.constant([[0, 1, 4], [2, 3, 1], [4, 4, 0]])
    net.out(net.decode(tf.one_hot(y, 5), initial_state=net.states_of(x)))
    step = tf.function(net.step) if COMPILED else net.step
    return dict(zip(EXPECT, step(x, y), strict=True))


if __name__ == "__main__":
    run()
