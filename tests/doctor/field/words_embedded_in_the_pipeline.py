"""The embedding is applied in the map of the dataset."""

import keras
import tensorflow as tf

ORIGIN = "input pipelines that run a model, tensorflow.org/guide/data"
WAYS = ("tape", "command")
CAUSE = "stateful-pipeline"
EXPECT = {"table": "none", "kernel": "ok", "recurrent": "ok", "bias": "ok", "head kernel": "ok", "head bias": "ok"}


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(409)
    embed, rnn, head = keras.layers.Embedding(9, 3), keras.layers.GRU(4), keras.layers.Dense(1)
    words, y = tf.constant([[1, 2, 3], [4, 5, 6], [7, 8, 0], [3, 1, 2]]), tf.random.normal((4, 1))
    head(rnn(embed(words)))
    data = tf.data.Dataset.from_tensor_slices((words, y)).batch(2).map(lambda w, t: (embed(w), t))  # <-- cut
    weights = [*embed.trainable_variables, *rnn.trainable_variables, *head.trainable_variables]
    for batch, target in data:
        with Tape() as tape:
            h = rnn(batch)
            loss = tf.reduce_mean((head(h) - target) ** 2)
        grads = tape.gradient(loss, weights)
    return dict(zip(EXPECT, grads, strict=True))


if __name__ == "__main__":
    run()
