"""Healthy: the gradient of a mean over ragged rows, with the RaggedTensor itself as the source."""

import tensorflow as tf

ORIGIN = "tensorflow/tensorflow#43107 (the part that works)"
WAYS = ("tape", "command")
COMPILED = False
CAUSE = None
EXPECT = {"rows": "ok"}


def run(Tape=tf.GradientTape):
    rows = tf.ragged.constant([[1.0, 2.0], [0.5], [0.3, 0.1, 0.7]])
    with Tape() as tape:
        tape.watch(rows)
        loss = tf.reduce_sum(tf.reduce_mean(rows**2, axis=1))
    return {"rows": tape.gradient(loss, rows).flat_values}


if __name__ == "__main__":
    run()
