"""Healthy: a decoder feeds its own best words back (argmax), and its loss still reaches every weight; compiled."""

import keras
import tensorflow as tf

ORIGIN = "tensorflow.org/text/tutorials/nmt_with_attention"
WAYS = ("tape",)
WEEKLY = True
COMPILED = True
CAUSE = None
EXPECT = {"table": "ok", "kernel": "ok", "recurrent": "ok", "bias": "ok", "out kernel": "ok", "out bias": "ok"}


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(105)
    table, cell, out = keras.layers.Embedding(7, 3), keras.layers.GRUCell(4), keras.layers.Dense(7)
    h, y = tf.random.normal((2, 4)), tf.constant([[1, 2, 3], [4, 5, 6]])
    out(cell(table(tf.constant([0, 0])), [h])[0])

    def step(h, y):
        with Tape() as tape:
            word, loss = tf.constant([0, 0], tf.int64), 0.0
            for t in tf.range(3):
                h, _ = cell(table(word), [h])
                logits = out(h)
                loss += tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(y[:, t], logits, from_logits=True))
                word = tf.argmax(logits, -1)
        return tape.gradient(loss, table.trainable_variables + cell.trainable_variables + out.trainable_variables)

    step = tf.function(step) if COMPILED else step
    return dict(zip(EXPECT, step(h, y), strict=True))


if __name__ == "__main__":
    run()
