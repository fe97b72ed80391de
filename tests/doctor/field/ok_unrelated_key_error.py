"""Healthy gradients, then a KeyError in the evaluation: the script's own error, and no gradient problem."""

import keras
import tensorflow as tf

ORIGIN = "errors after training, in a metric or a callback"
WAYS = ("command",)
COMPILED = False
CAUSE = None
EXPECT = {"embeddings": "ok", "kernel": "ok", "recurrent": "ok", "bias": "ok"}
ENDS = "KeyError: 'accuracy'"


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(97)
    embed, gru, ids = keras.layers.Embedding(9, 3), keras.layers.GRU(2), tf.constant([[1, 2, 3], [4, 5, 6]])
    gru(embed(ids))
    with Tape() as tape:
        loss = tf.reduce_mean(gru(embed(ids)) ** 2)
    return dict(zip(EXPECT, tape.gradient(loss, embed.trainable_variables + gru.trainable_variables), strict=True))


if __name__ == "__main__":
    run()
    history = {"loss": [0.3]}
    print(history["accuracy"])
