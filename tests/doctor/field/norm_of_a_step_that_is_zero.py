"""The loss penalises how far a GRU's states move; two frames are equal and the norm of zero has no slope; compiled."""

import keras
import tensorflow as tf

ORIGIN = "tensorflow/tensorflow#12071 (norm at zero)"
WAYS = ("tape",)
WEEKLY = True
COMPILED = True
CAUSE = "nan-sqrt-norm"
EXPECT = {"kernel": "nan", "bias": "nan"}


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(50)
    read = keras.layers.Dense(4, activation="tanh")
    x = tf.random.normal((3, 1, 2))
    x = tf.concat([x, x, 2 * x], 1)
    read(x)

    def step(x):
        with Tape() as tape:
            states = read(x)
            moved = states[:, 1:] - states[:, :-1]
            loss = tf.reduce_mean(tf.norm(moved, axis=-1))  # <-- cut
        return tape.gradient(loss, read.trainable_variables)

    step = tf.function(step) if COMPILED else step
    return dict(zip(EXPECT, step(x), strict=True))


if __name__ == "__main__":
    run()
