"""A GRU under mixed_float16: the output is scaled by 1e-5 in half precision, and so is its slope of 1e-6; compiled."""

import keras
import tensorflow as tf

ORIGIN = "tensorflow/tensorflow#39556 (mixed precision without loss scale)"
WAYS = ("tape",)
WEEKLY = True
COMPILED = True
CAUSE = "zero-underflow"
EXPECT = {"kernel": "zero", "bias": "zero"}


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(45)
    gru, head = keras.layers.GRU(3, dtype="mixed_float16"), keras.layers.Dense(1, dtype="mixed_float16")
    x = tf.random.normal((4, 5, 2))
    head(gru(x))

    def step(x):
        with Tape() as tape:
            small = head(gru(x)) * tf.constant(1e-5, tf.float16)  # <-- cut
            loss = tf.reduce_mean(small**2)  # <-- also
        return tape.gradient(loss, head.trainable_variables)

    step = tf.function(step) if COMPILED else step
    return dict(zip(EXPECT, step(x), strict=True))


if __name__ == "__main__":
    run()
