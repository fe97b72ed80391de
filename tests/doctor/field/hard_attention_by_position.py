"""A network says where to look; the position is made an integer and the memory is read there; compiled, after an LSTM."""

import keras
import tensorflow as tf

ORIGIN = "recurrent models of visual attention, written with tf.gather"
WAYS = ("tape",)
WEEKLY = True
COMPILED = True
CAUSE = "integer-cast"
EXPECT = {"kernel": "none", "bias": "none", "read": "ok"}


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(111)
    lstm, where, read = (
        keras.layers.LSTM(3, return_sequences=True),
        keras.layers.Dense(1),
        tf.Variable([0.5, -0.2, 0.3]),
    )
    x = tf.random.normal((4, 6, 2))
    where(lstm(x)[:, -1])

    def look(memory, at):
        last = tf.cast(tf.shape(memory)[1] - 1, tf.float32)
        row = tf.cast(tf.math.round(at * last), tf.int32)  # <-- cut
        return tf.gather(memory, row, batch_dims=1)

    def step(x):
        with Tape() as tape:
            memory = lstm(x)
            seen = look(memory, tf.sigmoid(where(memory[:, -1])[:, 0]))
            loss = tf.reduce_mean((tf.reduce_sum(seen * read, -1) - 1.0) ** 2)
        return tape.gradient(loss, [*where.trainable_variables, read])

    step = tf.function(step) if COMPILED else step
    return dict(zip(EXPECT, step(x), strict=True))


if __name__ == "__main__":
    run()
