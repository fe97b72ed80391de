"""A custom cell divides its recurrent kernel by its norm in build(), so every step uses a tensor from before the tape."""

import keras
import tensorflow as tf

ORIGIN = "spectral normalisation in a recurrent cell"
WAYS = ("tape",)
WEEKLY = True
COMPILED = True
CAUSE = "before-tape"
EXPECT = {"kernel": "ok", "recurrent": "none"}


class UnitNormCell(keras.layers.Layer):
    def __init__(self):
        super().__init__()
        self.state_size = self.output_size = 3

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], 3), initializer="glorot_uniform", name="kernel")
        self.raw = self.add_weight(shape=(3, 3), initializer="orthogonal", name="recurrent")
        self.unit = self.raw / tf.norm(self.raw)  # <-- cut

    def call(self, x, states):
        h = tf.tanh(x @ self.kernel + states[0] @ self.unit)
        return h, [h]


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(39)
    cell = UnitNormCell()
    cell.build((4, 2))
    rnn, x = keras.layers.RNN(cell), tf.random.normal((4, 5, 2))

    def step(x):
        with Tape() as tape:
            loss = tf.reduce_mean((rnn(x) - 0.3) ** 2)
        return tape.gradient(loss, [cell.kernel, cell.raw])

    rnn(x)
    step = tf.function(step) if COMPILED else step
    return dict(zip(EXPECT, step(x), strict=True))


if __name__ == "__main__":
    run()
