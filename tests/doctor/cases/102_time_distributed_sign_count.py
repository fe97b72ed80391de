"""TimeDistributed head; the loss counts correct signs with tf.equal."""

import keras
import tensorflow as tf

CAUSE = "comparison"
EXPECT = {"td": "none", "lstm": "none"}
CUT = "agree = tf.equal(tf.sign(step), tf.sign(y))"


def run():
    keras.utils.set_random_seed(2)
    lstm = keras.layers.LSTM(3, return_sequences=True)
    td = keras.layers.TimeDistributed(keras.layers.Dense(1))
    x = tf.random.normal((2, 5, 2))
    y = tf.random.normal((2, 5, 1))
    td(lstm(x))

    def loss_fn():
        step = td(lstm(x))
        agree = tf.equal(tf.sign(step), tf.sign(y))
        return 1.0 - tf.reduce_mean(tf.cast(agree, tf.float32))

    return loss_fn, {"td": td.layer.kernel.value, "lstm": lstm.cell.kernel.value}
