"""Gradient penalty: the inner gradient is asked before the outer tape opens, so the penalty is a constant to it."""

import keras
import tensorflow as tf

ORIGIN = "eriklindernoren/Keras-GAN#215; tensorflow/tensorflow#36436"
WAYS = ("tape",)
COMPILED = True
CAUSE = "before-tape"
EXPECT = {"kernel": "none", "bias": "none"}


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(39)
    critic = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, "tanh"), keras.layers.Dense(1)])
    mixed = tf.random.normal((5, 3))

    def step(mixed):
        with Tape() as inner:
            inner.watch(mixed)
            score = critic(mixed)
        slope = inner.gradient(score, mixed)  # <-- cut
        with Tape() as outer:
            penalty = tf.reduce_mean((tf.norm(slope, axis=-1) - 1.0) ** 2)
        return outer.gradient(penalty, critic.layers[0].trainable_variables)

    step = tf.function(step) if COMPILED else step
    return dict(zip(EXPECT, step(mixed), strict=True))


if __name__ == "__main__":
    run()
