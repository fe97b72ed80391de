"""Mixed precision without a loss scale: the mean over many cells is so small that float16 has only zero for it."""

import keras
import tensorflow as tf

ORIGIN = "keras-team/keras#19244 (what loss scaling is for); the mixed precision guide"
WAYS = ("tape",)
COMPILED = True
CAUSE = "zero-underflow"
EXPECT = {"kernel": "zero", "bias": "zero"}


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(9)
    rnn = keras.layers.SimpleRNN(3, dtype="float16")
    head = keras.layers.Dense(1, dtype="float16")
    x = tf.cast(0.1 * tf.random.normal((4, 3, 2)), tf.float16)
    head(rnn(x))

    def step(x):
        with Tape() as tape:
            score = head(rnn(x))
            loss = tf.reduce_mean(score * tf.constant(3e-8, tf.float16))  # <-- cut
        return tape.gradient(loss, head.trainable_variables)

    step = tf.function(step) if COMPILED else step
    return dict(zip(EXPECT, step(x), strict=True))


if __name__ == "__main__":
    run()
