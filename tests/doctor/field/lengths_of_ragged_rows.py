"""A ragged source: the loss reads only how long its rows are, not what is in them."""

import tensorflow as tf

ORIGIN = "tensorflow/tensorflow#42189; tensorflow/tensorflow#43107"
WAYS = ("tape",)
COMPILED = False
CAUSE = ("integer-cast", "unconnected", "no-gradient-op")
EXPECT = {"rows": "none"}


def run(Tape=tf.GradientTape):
    rows = tf.ragged.constant([[1.0, 2.0], [0.5], [0.3, 0.1, 0.7]])
    with Tape() as tape:
        tape.watch(rows.flat_values)
        lengths = tf.cast(rows.row_lengths(), tf.float32)  # <-- cut
        loss = tf.reduce_sum(lengths**2)
    return {"rows": tape.gradient(loss, rows.flat_values)}


if __name__ == "__main__":
    run()
