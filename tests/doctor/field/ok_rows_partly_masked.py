"""Healthy: some time steps are masked, some units of a ReLU are off, and some samples weigh nothing; the rest trains."""

import keras
import tensorflow as tf

ORIGIN = "masking in the Keras guide"
WAYS = ("tape", "explain")
COMPILED = True
CAUSE = None
EXPECT = {"kernel": "ok", "recurrent": "ok", "bias": "ok", "head": "ok"}


def problem():
    keras.utils.set_random_seed(63)
    lstm, head = keras.layers.LSTM(4), keras.layers.Dense(6, "relu")
    x, keep = (
        tf.random.normal((5, 4, 2)),
        tf.constant([[1, 1, 0, 0], [1, 1, 1, 0], [1, 0, 0, 0], [1, 1, 1, 1], [1, 1, 0, 0]]),
    )
    head(lstm(x))

    def loss_fn():
        h = head(lstm(x, mask=tf.cast(keep, tf.bool)))
        return tf.reduce_sum(tf.reduce_mean(h**2, -1) * tf.constant([1.0, 0.0, 1.0, 1.0, 0.0]))

    return loss_fn, dict(zip(EXPECT, [*lstm.trainable_variables, head.kernel], strict=True))


def run(Tape=tf.GradientTape):
    loss_fn, sources = problem()

    def step():
        with Tape() as tape:
            loss = loss_fn()
        return tape.gradient(loss, list(sources.values()))

    step = tf.function(step) if COMPILED else step
    return dict(zip(EXPECT, step(), strict=True))


if __name__ == "__main__":
    run()
