"""Sequences of length one, as after a wrong reshape: the recurrent kernel only ever meets the zero initial state."""

import keras
import tensorflow as tf

ORIGIN = "time series given to an LSTM as (batch, 1, features)"
WAYS = ("tape", "explain")
COMPILED = True
CAUSE = "zero-masked"
EXPECT = {"kernel": "ok", "recurrent": "zero"}
SAYS = ("state",)
NEVER = ("check the mask",)


def problem():
    keras.utils.set_random_seed(60)
    lstm, head, series = keras.layers.LSTM(4), keras.layers.Dense(1), tf.random.normal((6, 8))
    head(lstm(series[:, None, :]))

    def loss_fn():
        h = lstm(tf.reshape(series, (6, 1, 8)))  # <-- cut
        return tf.reduce_mean(head(h) ** 2)

    return loss_fn, {"kernel": lstm.trainable_variables[0], "recurrent": lstm.trainable_variables[1]}


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
