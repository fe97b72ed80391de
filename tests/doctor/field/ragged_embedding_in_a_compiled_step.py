"""Ragged sentences are embedded and averaged in a compiled step; the average is compared with a threshold."""

import tensorflow as tf

ORIGIN = "tensorflow/tensorflow#47170 (ragged input of a layer)"
WAYS = ("tape",)
WEEKLY = True
COMPILED = True
CAUSE = "comparison"
EXPECT = {"table": "none", "w": "ok"}


def run(Tape=tf.GradientTape):
    table = tf.Variable(tf.random.stateless_normal((9, 4), (1, 2)))
    w = tf.Variable([[0.3], [0.1], [-0.2], [0.8]])
    words = tf.ragged.constant([[1, 2, 5], [3], [0, 8]])

    def step(words):
        with Tape() as tape:
            embedded = tf.ragged.map_flat_values(tf.nn.embedding_lookup, table, words)
            mean = tf.reduce_mean(embedded, axis=1)
            on = tf.where(mean > 0.0, 1.0, 0.2)  # <-- cut
            loss = tf.reduce_mean((on @ w - 1.0) ** 2)
        return tape.gradient(loss, [table, w])

    step = tf.function(step) if COMPILED else step
    return dict(zip(EXPECT, step(words), strict=True))


if __name__ == "__main__":
    run()
