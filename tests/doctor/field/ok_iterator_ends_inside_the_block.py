"""Healthy: the training loop takes its batch inside the with-block, and StopIteration ends the epoch there."""

import keras
import tensorflow as tf

ORIGIN = "loops over next(iterator)"
WAYS = ("tape", "command")
COMPILED = False
CAUSE = None
EXPECT = {"kernel": "ok", "bias": "ok"}


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(4)
    head, data = keras.layers.Dense(1), tf.random.normal((8, 3))
    head.build((4, 3))
    batches = iter(tf.data.Dataset.from_tensor_slices(data).batch(4))
    while True:
        try:
            with Tape() as tape:
                x = next(batches)
                loss = tf.reduce_mean((head(x) - 1.0) ** 2)
            grads = tape.gradient(loss, head.trainable_variables)
        except StopIteration:
            break
    return dict(zip(EXPECT, grads, strict=True))


if __name__ == "__main__":
    run()
