"""Healthy: the features of a frozen base are computed once before the tape; only the head is trained and asked."""

import keras
import tensorflow as tf

ORIGIN = "transfer learning with bottleneck features"
WAYS = ("tape",)
COMPILED = True
CAUSE = None
EXPECT = {"kernel": "ok", "recurrent": "ok", "bias": "ok"}


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(29)
    base, head = keras.layers.Conv1D(4, 2), keras.layers.GRU(2)
    base.trainable = False
    features = base(tf.random.normal((5, 6, 2)))
    head(features)

    def step():
        with Tape() as tape:
            loss = tf.reduce_mean(head(features) ** 2)
        return tape.gradient(loss, head.trainable_variables)

    step = tf.function(step) if COMPILED else step
    return dict(zip(EXPECT, step(), strict=True))


if __name__ == "__main__":
    run()
