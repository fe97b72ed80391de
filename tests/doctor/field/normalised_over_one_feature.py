"""A LayerNormalization over an axis of one feature: its output is a constant, so the layers before it get zero."""

import keras
import tensorflow as tf

ORIGIN = "keras-team/keras#11927-like reports"
WAYS = ("tape",)
WEEKLY = True
COMPILED = True
CAUSE = "zero-cancel"
EXPECT = {"kernel": "zero", "recurrent": "zero", "bias": "zero"}


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(109)
    gru, norm, x = keras.layers.GRU(1), keras.layers.LayerNormalization(epsilon=0.0625), tf.random.normal((4, 5, 2))
    norm(gru(x))

    def step(x):
        with Tape() as tape:
            h = norm(gru(x))  # <-- cut
            loss = tf.reduce_mean((h - 0.5) ** 2)
        return tape.gradient(loss, gru.trainable_variables)

    step = tf.function(step) if COMPILED else step
    return dict(zip(EXPECT, step(x), strict=True))


if __name__ == "__main__":
    run()
