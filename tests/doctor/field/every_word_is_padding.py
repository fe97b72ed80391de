"""An Embedding with mask_zero and sentences of padding only: the LSTM behind it sees nothing."""

import keras
import tensorflow as tf

ORIGIN = "keras-team/keras#3086 (masking)"
WAYS = ("tape",)
WEEKLY = True
COMPILED = False
CAUSE = "zero-masked"
EXPECT = {"kernel": "zero", "recurrent": "zero", "bias": "zero"}


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(52)
    words, read = keras.layers.Embedding(9, 4, mask_zero=True), keras.layers.LSTM(3)
    ids = tf.zeros((3, 5), tf.int32)
    read(words(ids + 1))
    with Tape() as tape:
        h = read(words(ids))  # <-- cut
        loss = tf.reduce_mean((h - 0.5) ** 2)  # <-- also
    return dict(zip(EXPECT, tape.gradient(loss, read.trainable_variables), strict=True))


if __name__ == "__main__":
    run()
