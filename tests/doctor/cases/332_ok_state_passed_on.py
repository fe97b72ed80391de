"""Healthy: a stateful counter beside an explicit state, clip_by_global_norm, sparse gather."""

import keras
import tensorflow as tf

CAUSE = "ok"
EXPECT = {"k": "ok", "e": "ok"}
CUT = ""


def run():
    keras.utils.set_random_seed(5)
    emb, gru = keras.layers.Embedding(6, 3), keras.layers.GRU(3, return_state=True)
    calls, ids = tf.Variable(0), tf.constant([[1, 2, 3]])
    gru(emb(ids))

    def loss_fn():
        calls.assign_add(1)
        _, state = gru(emb(ids))
        out, _ = gru(emb(ids[:, ::-1]), initial_state=state)
        clipped, _ = tf.clip_by_global_norm([out], 5.0)
        return tf.reduce_sum(clipped[0] ** 2)

    return loss_fn, {"k": gru.cell.kernel.value, "e": emb.embeddings.value}
