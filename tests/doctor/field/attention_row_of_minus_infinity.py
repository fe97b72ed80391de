"""One query may look at no key: its row of scores is -inf everywhere and the softmax gives NaN; compiled, after an LSTM."""

import keras
import tensorflow as tf

ORIGIN = "pytorch/pytorch#41508-like report for tf.keras attention"
WAYS = ("tape",)
WEEKLY = True
COMPILED = True
CAUSE = "nan-forward"
EXPECT = {"kernel": "nan", "recurrent": "nan", "bias": "nan"}


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(51)
    read, x = keras.layers.LSTM(3, return_sequences=True), tf.random.normal((2, 4, 2))
    seen = tf.constant([[True, True, False, False], [False, False, False, False]])
    read(x)

    def attend(h, seen):
        scores = tf.matmul(h, h, transpose_b=True)
        scores = tf.where(seen[:, None, :], scores, -float("inf"))  # <-- also
        return tf.nn.softmax(scores) @ h  # <-- cut

    def step(x, seen):
        with Tape() as tape:
            loss = tf.reduce_mean(attend(read(x), seen) ** 2)
        return tape.gradient(loss, read.trainable_variables)

    step = tf.function(step) if COMPILED else step
    return dict(zip(EXPECT, step(x, seen), strict=True))


if __name__ == "__main__":
    run()
