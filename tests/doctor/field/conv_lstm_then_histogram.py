"""A ConvLSTM2D's picture goes into a histogram, and the loss compares histograms; compiled."""

import keras
import tensorflow as tf

ORIGIN = "tensorflow/tensorflow#34322 (histogram losses)"
WAYS = ("tape",)
WEEKLY = True
COMPILED = True
CAUSE = ("no-gradient-op", "integer-cast")
EXPECT = {"kernel": "none", "recurrent": "none", "bias": "none"}


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(58)
    layer, x = keras.layers.ConvLSTM2D(2, 3), tf.random.normal((1, 3, 5, 5, 1))
    layer(x)

    def step(x):
        with Tape() as tape:
            counts = tf.histogram_fixed_width(layer(x), [-1.0, 1.0], nbins=5)  # <-- cut
            loss = tf.reduce_mean((tf.cast(counts, tf.float32) - 3.0) ** 2)
        return tape.gradient(loss, layer.trainable_variables)

    step = tf.function(step) if COMPILED else step
    return dict(zip(EXPECT, step(x), strict=True))


if __name__ == "__main__":
    run()
