"""Siamese LSTM with a triplet loss: every triplet of the batch is beyond the margin already."""

import keras
import tensorflow as tf

ORIGIN = "the Siamese network example of Keras"
WAYS = ("tape",)
COMPILED = True
CAUSE = "zero-saturated"
EXPECT = {"kernel": "zero", "recurrent": "zero", "bias": "zero"}


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(59)
    tower = keras.layers.LSTM(4)
    anchor, far = tf.random.normal((5, 6, 2)), 40.0 * tf.random.normal((5, 6, 2))
    near = anchor + 0.001
    tower(anchor)

    def step(anchor, near, far):
        with Tape() as tape:
            a, p, n = tower(anchor), tower(near), tower(far)
            to_near, to_far = tf.reduce_sum((a - p) ** 2, -1), tf.reduce_sum((a - n) ** 2, -1)
            loss = tf.reduce_mean(tf.maximum(to_near - to_far + 0.01, 0.0))  # <-- cut
        return tape.gradient(loss, tower.trainable_variables)

    step = tf.function(step) if COMPILED else step
    return dict(zip(EXPECT, step(anchor, near, far), strict=True))


if __name__ == "__main__":
    run()
