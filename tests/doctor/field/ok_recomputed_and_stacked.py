"""Healthy: two stacked recurrent layers, one inside tf.recompute_grad; compiled."""

import keras
import tensorflow as tf

ORIGIN = "tf.recompute_grad for long sequences"
WAYS = ("tape",)
WEEKLY = True
COMPILED = True
CAUSE = None
EXPECT = {"first": "ok", "second": "ok"}


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(119)
    first, second = keras.layers.SimpleRNN(3, return_sequences=True), tf.Variable(tf.random.normal((3, 3)))
    x = tf.random.normal((2, 4, 2))
    first(x)

    def unrolled(h):
        state = tf.zeros((2, 3))
        for t in range(4):
            state = tf.tanh(state @ second + h[:, t])
        return state

    def step(x):
        with Tape() as tape:
            loss = tf.reduce_mean((tf.recompute_grad(unrolled)(first(x)) - 0.2) ** 2)
        return tape.gradient(loss, [first.trainable_variables[0], second])

    step = tf.function(step) if COMPILED else step
    return dict(zip(EXPECT, step(x), strict=True))


if __name__ == "__main__":
    run()
