"""The words of a small corpus are embedded once at the top of the script, into a global."""

import keras
import tensorflow as tf

ORIGIN = "tensorflow/tensorflow#37501 (an embedding without a gradient)"
WAYS = ("tape",)
COMPILED = False
CAUSE = "before-tape"
EXPECT = {"embeddings": "none", "kernel": "ok", "recurrent": "ok", "bias": "ok"}

keras.utils.set_random_seed(24)
embed, gru = keras.layers.Embedding(7, 3), keras.layers.GRU(2)
WORDS = embed(tf.constant([[1, 2, 3], [4, 5, 6]]))  # <-- cut
gru(WORDS)


def run(Tape=tf.GradientTape):
    with Tape() as tape:
        loss = tf.reduce_sum(gru(WORDS) ** 2)
    return dict(zip(EXPECT, tape.gradient(loss, embed.trainable_variables + gru.trainable_variables), strict=True))


if __name__ == "__main__":
    run()
