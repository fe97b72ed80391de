"""The embedded words of ragged sentences are rounded before they are averaged; the ragged rows are the source."""

import tensorflow as tf

ORIGIN = "tensorflow/tensorflow#43107"
WAYS = ("tape",)
COMPILED = False
CAUSE = "no-gradient-op"
EXPECT = {"rows": "none", "w": "ok"}


def run(Tape=tf.GradientTape):
    rows = tf.ragged.constant([[1.2, 2.4], [0.5], [0.3, 0.1, 0.7]])
    w = tf.Variable(0.7)
    with Tape() as tape:
        tape.watch(rows)
        level = tf.ragged.map_flat_values(tf.round, rows)  # <-- cut
        loss = tf.reduce_sum(tf.reduce_mean(w * level, axis=1) ** 2)
    slope = tape.gradient(loss, {"rows": rows, "w": w})
    return {"rows": slope["rows"], "w": slope["w"]}


if __name__ == "__main__":
    run()
