"""mask_zero and a batch of padding only."""

import keras
import tensorflow as tf

CAUSE = "zero-masked"
EXPECT = {"kernel": "zero"}
CUT = "h = gru(emb(ids))"
CUT_ALSO = ("return tf.reduce_sum((h - 1.0) ** 2)",)


def run():
    keras.utils.set_random_seed(1)
    emb, gru = keras.layers.Embedding(5, 3, mask_zero=True), keras.layers.GRU(2)
    ids = tf.zeros((2, 4), tf.int32)
    gru(emb(ids))

    def loss_fn():
        h = gru(emb(ids))
        return tf.reduce_sum((h - 1.0) ** 2)

    return loss_fn, {"kernel": gru.cell.kernel.value}
