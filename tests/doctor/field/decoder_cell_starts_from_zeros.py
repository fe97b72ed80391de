"""A decoder made of a GRU cell gets zeros for its state at every step: its recurrent kernel is multiplied by zero."""

import keras
import tensorflow as tf

ORIGIN = "tensorflow/tensorflow#38248, with a cell"
WAYS = ("tape",)
COMPILED = True
CAUSE = "zero-masked"
EXPECT = {"kernel": "ok", "recurrent": "zero", "bias": "ok"}
SAYS = ("state",)
NEVER = ("check the mask",)


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(51)
    cell, out = keras.layers.GRUCell(4), keras.layers.Dense(2)
    target = tf.random.normal((5, 3, 2))
    out(cell(target[:, 0], tf.zeros((5, 4)))[0])

    def step(target):
        loss = 0.0
        with Tape() as tape:
            for t in range(3):
                h, _ = cell(target[:, t], tf.zeros((5, 4)))  # <-- cut
                loss += tf.reduce_mean((out(h) - target[:, t]) ** 2)
        return tape.gradient(loss, cell.trainable_variables)

    step = tf.function(step) if COMPILED else step
    return dict(zip(EXPECT, step(target), strict=True))


if __name__ == "__main__":
    run()
