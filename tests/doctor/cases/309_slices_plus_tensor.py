"""Regularisation is added to an embedding's gradient: IndexedSlices has no +."""

import keras
import tensorflow as tf

CAUSE = "indexed-slices"
FORM = "tape"
RAISES = "TypeError"
EXPECT = {}
ROWS = ["raises", "ok"]
CUT = "g = g + 0.1"
CUT_ALSO = ("loss = tf.reduce_sum(emb(tf.constant([1, 3])) * head)",)


def run(Tape=tf.GradientTape):
    emb = keras.layers.Embedding(5, 2)
    head = tf.Variable([1.0, 2.0])
    emb.build((None,))
    with Tape() as tape:
        loss = tf.reduce_sum(emb(tf.constant([1, 3])) * head)
    g, _ = tape.gradient(loss, [emb.embeddings.value, head])
    g = g + 0.1
    return {"emb": g}
