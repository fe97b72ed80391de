"""Rewards are not scaled: the predicted return lies outside the clip range for the whole batch."""

import keras
import tensorflow as tf

ORIGIN = "openai/baselines#142 (clipping in PPO), a value clip"
WAYS = ("tape", "explain")
COMPILED = True
CAUSE = "zero-saturated"
EXPECT = {"kernel": "zero", "bias": "zero"}


def problem():
    keras.utils.set_random_seed(58)
    value, x = keras.layers.Dense(1, bias_initializer=keras.initializers.Constant(80.0)), tf.random.normal((6, 3))
    value(x)

    def loss_fn():
        old = tf.ones((6, 1))
        clipped = old + tf.clip_by_value(value(x) - old, -0.2, 0.2)  # <-- cut
        return tf.reduce_mean((clipped - 100.0) ** 2)

    return loss_fn, {"kernel": value.kernel, "bias": value.bias}


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
