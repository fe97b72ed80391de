"""A cell clips its gradient by tf.custom_gradient, whose backward function gives none to the state; RNN in a step."""

import keras
import tensorflow as tf

ORIGIN = "tensorflow/tensorflow#31945 (custom_gradient in a cell)"
WAYS = ("tape",)
WEEKLY = True
COMPILED = True
CAUSE = "custom-gradient"
EXPECT = {"kernel": "none"}


@tf.custom_gradient
def squeezed(x):
    def backward(upstream):
        return None  # <-- also

    return tf.tanh(x), backward  # <-- also


class Cell(keras.layers.Layer):
    def __init__(self):
        super().__init__()
        self.state_size = self.output_size = 3

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1] + 3, 3), initializer="glorot_uniform", name="kernel")

    def call(self, x, states):
        h = squeezed(tf.concat([x, states[0]], -1) @ self.kernel)  # <-- cut
        return h, [h]


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(106)
    cell = Cell()
    rnn, x = keras.layers.RNN(cell, unroll=True), tf.random.normal((4, 3, 2))
    rnn(x)

    def step(x):
        with Tape() as tape:
            loss = tf.reduce_mean((rnn(x) - 0.3) ** 2)
        return tape.gradient(loss, [cell.kernel])

    step = tf.function(step) if COMPILED else step
    return dict(zip(EXPECT, step(x), strict=True))


if __name__ == "__main__":
    run()
