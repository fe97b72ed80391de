"""Saliency of the first time step: the slice is made beside the model call, not on its way."""

import keras
import tensorflow as tf

CAUSE = "wrong-source"
FORM = "tape"
EXPECT = {"x0": "none"}
CUT = "x0 = x[:, 0]"


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(0)
    lstm, x = keras.layers.LSTM(3), tf.random.normal((1, 4, 2))
    with Tape() as tape:
        tape.watch(x)
        x0 = x[:, 0]
        loss = tf.reduce_sum(lstm(x))
    return {"x0": tape.gradient(loss, x0)}
