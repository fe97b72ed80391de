"""keras accuracy metric function as the loss."""

import keras
import tensorflow as tf

CAUSE = "argmax"
EXPECT = {"out": "none"}
CUT = "acc = keras.metrics.categorical_accuracy(y, out(lstm(x)))"


def run():
    keras.utils.set_random_seed(0)
    lstm, out = keras.layers.LSTM(3), keras.layers.Dense(3, activation="softmax")
    x, y = tf.random.normal((4, 3, 2)), tf.one_hot([0, 1, 2, 0], 3)
    out(lstm(x))

    def loss_fn():
        acc = keras.metrics.categorical_accuracy(y, out(lstm(x)))
        return 1.0 - tf.reduce_mean(acc)

    return loss_fn, {"out": out.kernel.value}
