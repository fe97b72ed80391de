"""After a GRU every sample goes through map_fn with a bucket number made by floor division; compiled."""

import keras
import tensorflow as tf

ORIGIN = "tensorflow/tensorflow#3972; tensorflow/tensorflow#7643 (map_fn and gradients)"
WAYS = ("tape",)
COMPILED = True
CAUSE = "no-gradient-op"
EXPECT = {"kernel": "zero", "recurrent": "zero", "bias": "zero"}


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(13)
    gru, x = keras.layers.GRU(4), tf.random.normal((6, 5, 2))
    gru(x)

    def bucket(row):
        return row // 0.1  # <-- cut

    def step(x):
        with Tape() as tape:
            counts = tf.map_fn(bucket, gru(x))
            loss = tf.reduce_mean(tf.abs(counts - 3.0))
        return tape.gradient(loss, gru.trainable_variables)

    step = tf.function(step) if COMPILED else step
    return dict(zip(EXPECT, step(x), strict=True))


if __name__ == "__main__":
    run()
