"""Healthy: a binary state with the straight-through estimator and a gradient reversal, in a custom cell; compiled."""

import keras
import tensorflow as tf

ORIGIN = "binary recurrent networks"
WAYS = ("tape",)
WEEKLY = True
COMPILED = True
CAUSE = None
EXPECT = {"kernel": "ok"}


@tf.custom_gradient
def reversed_gradient(x):
    return tf.identity(x), lambda upstream: -0.5 * upstream


class Cell(keras.layers.Layer):
    def __init__(self):
        super().__init__()
        self.state_size = self.output_size = 3

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1] + 3, 3), initializer="glorot_uniform", name="kernel")

    def call(self, x, states):
        soft = tf.sigmoid(reversed_gradient(tf.concat([x, states[0]], -1) @ self.kernel))
        h = soft + tf.stop_gradient(tf.round(soft) - soft)
        return h, [h]


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(107)
    cell = Cell()
    rnn, x = keras.layers.RNN(cell), tf.random.normal((4, 3, 2))
    rnn(x)

    def step(x):
        with Tape() as tape:
            loss = tf.reduce_mean((rnn(x) - 0.3) ** 2)
        return tape.gradient(loss, [cell.kernel])

    step = tf.function(step) if COMPILED else step
    return dict(zip(EXPECT, step(x), strict=True))


if __name__ == "__main__":
    run()
