"""Healthy: masked Embedding, Bidirectional LSTM, TimeDistributed head, clipping that does not bite."""

import keras
import tensorflow as tf

CAUSE = "ok"
EXPECT = {"emb": "ok", "fwd": "ok", "td": "ok"}
CUT = ""


def run():
    keras.utils.set_random_seed(11)
    emb = keras.layers.Embedding(9, 3, mask_zero=True)
    rnn = keras.layers.Bidirectional(keras.layers.LSTM(3, return_sequences=True))
    td = keras.layers.TimeDistributed(keras.layers.Dense(2))
    ids = tf.constant([[3, 4, 0, 0], [1, 2, 5, 0]])
    td(rnn(emb(ids)))

    def loss_fn():
        y = tf.clip_by_value(td(rnn(emb(ids))), -50.0, 50.0)
        best = tf.argmax(y, axis=-1)
        return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(best * 0, y))

    fwd = rnn.forward_layer.cell.kernel.value
    return loss_fn, {"emb": emb.embeddings.value, "fwd": fwd, "td": td.layer.kernel.value}
