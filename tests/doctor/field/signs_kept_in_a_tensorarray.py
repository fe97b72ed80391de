"""The states of an LSTM are turned into signs, kept in a TensorArray and stacked; compiled loop over tf.range."""

import keras
import tensorflow as tf

ORIGIN = "tensorflow/tensorflow#31583 (TensorArray after a recurrent layer)"
WAYS = ("tape",)
WEEKLY = True
COMPILED = True
CAUSE = ("comparison", "integer-cast")
EXPECT = {"kernel": "zero", "recurrent": "zero", "bias": "zero"}


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(31)
    lstm, x = keras.layers.LSTM(4, return_sequences=True), tf.random.normal((3, 5, 2))
    lstm(x)

    def step(x):
        with Tape() as tape:
            states = tf.transpose(lstm(x), (1, 0, 2))
            kept = tf.TensorArray(tf.float32, 5)
            for t in tf.range(5):
                positive = states[t] > 0.0  # <-- cut
                kept = kept.write(t, tf.cast(positive, tf.float32))  # <-- also
            loss = tf.reduce_mean((tf.reduce_mean(kept.stack(), 0) - 0.3) ** 2)
        return tape.gradient(loss, lstm.trainable_variables)

    step = tf.function(step) if COMPILED else step
    return dict(zip(EXPECT, step(x), strict=True))


if __name__ == "__main__":
    run()
