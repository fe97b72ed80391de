"""A custom cell rounds its gate; the cell runs in keras.layers.RNN inside a compiled step. Only the gate's weights suffer."""

import keras
import tensorflow as tf

ORIGIN = "keras-team/keras#15553 (custom cells)"
WAYS = ("tape",)
WEEKLY = True
COMPILED = True
CAUSE = "no-gradient-op"
EXPECT = {"gate": "zero", "value": "ok"}


class HardGate(keras.layers.Layer):
    def __init__(self):
        super().__init__()
        self.state_size = self.output_size = 3

    def build(self, shape):
        self.gate = self.add_weight(shape=(shape[-1] + 3, 3), initializer="glorot_uniform", name="gate")
        self.value = self.add_weight(shape=(shape[-1] + 3, 3), initializer="glorot_uniform", name="value")

    def call(self, x, states):
        both = tf.concat([x, states[0]], -1)
        open_ = tf.round(tf.sigmoid(both @ self.gate))  # <-- cut
        h = open_ * tf.tanh(both @ self.value) + (1.0 - open_) * 0.5 * states[0]
        return h, [h]


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(38)
    rnn, x = keras.layers.RNN(HardGate()), tf.random.normal((4, 5, 2))
    rnn(x)

    def step(x):
        with Tape() as tape:
            loss = tf.reduce_mean((rnn(x) - 0.3) ** 2)
        return tape.gradient(loss, rnn.trainable_variables)

    step = tf.function(step) if COMPILED else step
    return dict(zip(EXPECT, step(x), strict=True))


if __name__ == "__main__":
    run()
