"""Gradient penalty: the mixture of real and fake is a plain tensor that nobody watches."""

import keras
import tensorflow as tf

ORIGIN = "tensorflow/tensorflow#36436; eriklindernoren/Keras-GAN#215"
WAYS = ("tape",)
COMPILED = True
CAUSE = "not-watched"
EXPECT = {"mixed": "none"}


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(40)
    critic = keras.Sequential([keras.Input((4, 2)), keras.layers.LSTM(3), keras.layers.Dense(1)])
    real, fake, share = tf.random.normal((5, 4, 2)), tf.random.normal((5, 4, 2)), tf.random.uniform((5, 1, 1))

    def step(real, fake):
        with Tape() as tape:
            mixed = real + share * (fake - real)
            score = critic(mixed)  # <-- also
        return tape.gradient(score, [mixed])  # <-- cut

    step = tf.function(step) if COMPILED else step
    return dict(zip(EXPECT, step(real, fake), strict=True))


if __name__ == "__main__":
    run()
