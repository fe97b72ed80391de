"""Healthy: embedding with masks, a bidirectional LSTM and attention in a compiled step."""

import keras
import tensorflow as tf

ORIGIN = "the sequence classification and attention examples of Keras"
WAYS = ("tape",)
COMPILED = True
CAUSE = None
EXPECT = {f"w{i}": "ok" for i in range(9)}


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(14)
    embed = keras.layers.Embedding(12, 4, mask_zero=True)
    lstm = keras.layers.Bidirectional(keras.layers.LSTM(3, return_sequences=True))
    attend, head = keras.layers.Attention(), keras.layers.Dense(2)
    ids = tf.constant([[1, 2, 3, 0], [4, 5, 0, 0], [6, 7, 8, 9]])

    def model(ids):
        h = lstm(embed(ids), mask=tf.not_equal(ids, 0))
        c = attend([h, h], mask=[tf.not_equal(ids, 0)] * 2)
        return head(tf.reduce_sum(c * tf.cast(ids[..., None] > 0, tf.float32), 1))

    model(ids)
    weights = embed.trainable_variables + lstm.trainable_variables + head.trainable_variables

    def step(ids, y):
        with Tape() as tape:
            loss = tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(y, model(ids), from_logits=True))
        return tape.gradient(loss, weights)

    step = tf.function(step) if COMPILED else step
    return dict(zip(EXPECT, step(ids, tf.constant([0, 1, 1])), strict=True))


if __name__ == "__main__":
    run()
