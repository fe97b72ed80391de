"""Truncated training by hand: the hidden state is a tf.Variable that the step assigns and reads again; compiled."""

import keras
import tensorflow as tf

ORIGIN = "tensorflow/tensorflow#28204 (state between batches)"
WAYS = ("tape",)
WEEKLY = True
COMPILED = True
CAUSE = "state-assign"
EXPECT = {"kernel": "none", "recurrent": "none", "bias": "none", "head": "ok"}


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(60)
    cell, head = keras.layers.GRUCell(3), keras.layers.Dense(1, use_bias=False)
    x, state = tf.random.normal((2, 4, 2)), tf.Variable(tf.zeros((2, 3)), trainable=False)
    cell.build((2, 2)), head.build((2, 3))

    def advance(x_t):
        h, _ = cell(x_t, [state])
        state.assign(h)  # <-- cut

    def step(x):
        with Tape() as tape:
            for t in range(4):
                advance(x[:, t])
            loss = tf.reduce_mean((head(state) - 1.0) ** 2)
        return tape.gradient(loss, cell.trainable_variables + head.trainable_variables)

    step = tf.function(step) if COMPILED else step
    return dict(zip(EXPECT, step(x), strict=True))


if __name__ == "__main__":
    run()
