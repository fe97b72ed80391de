"""The sample weights of the batch are all zero."""

import keras
import tensorflow as tf

CAUSE = "zero-masked"
EXPECT = {"gru": "zero", "head": "zero"}
CUT = "return tf.reduce_sum(per_step * weights)"
CUT_ALSO = ("weights = tf.cast(lengths[:, None] > 10, tf.float32)",)


def run():
    keras.utils.set_random_seed(9)
    gru, head = keras.layers.GRU(3, return_sequences=True), keras.layers.Dense(1)
    x, lengths = tf.random.normal((2, 4, 2)), tf.constant([3, 4])
    head(gru(x))

    def loss_fn():
        per_step = head(gru(x))[..., 0] ** 2
        weights = tf.cast(lengths[:, None] > 10, tf.float32)
        return tf.reduce_sum(per_step * weights)

    return loss_fn, {"gru": gru.cell.kernel.value, "head": head.kernel.value}
