"""The last state of an LSTM picks a row of a table: a float becomes an index in the middle of a compiled step."""

import keras
import tensorflow as tf

ORIGIN = "keras-team/tf-keras#293 (indices between two networks)"
WAYS = ("tape",)
COMPILED = True
CAUSE = "integer-cast"
EXPECT = {"kernel": "none", "recurrent": "none", "bias": "none", "table": "ok"}


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(11)
    reader, writer = keras.layers.LSTM(3, return_state=True), keras.layers.GRU(4)
    table, x = tf.Variable(tf.random.normal((6, 3))), tf.random.normal((5, 4, 2))
    reader(x), writer(tf.zeros((1, 1, 3)))

    def step(x):
        with Tape() as tape:
            _, state, _ = reader(x)
            row = tf.clip_by_value(tf.cast(tf.reduce_sum(state, -1) * 4.0, tf.int32), 0, 5)  # <-- cut
            loss = tf.reduce_mean(writer(tf.gather(table, row)[:, None]) ** 2)
        return tape.gradient(loss, [*reader.trainable_variables, table])

    step = tf.function(step) if COMPILED else step
    return dict(zip(EXPECT, step(x), strict=True))


if __name__ == "__main__":
    run()
