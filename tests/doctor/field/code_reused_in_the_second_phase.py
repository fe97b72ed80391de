"""Adversarial autoencoder: the code of the reconstruction phase is used again under the tape of the second phase."""

import keras
import tensorflow as tf

ORIGIN = "Wasserstein and adversarial autoencoders in two phases"
WAYS = ("tape",)
COMPILED = True
CAUSE = "before-tape"
EXPECT = {"kernel": "none", "bias": "none"}


class Autoencoder:
    def __init__(self, Tape):
        self.Tape = Tape
        self.encoder, self.decoder, self.critic = keras.layers.Dense(2), keras.layers.Dense(4), keras.layers.Dense(1)

    def step(self, x):
        with self.Tape() as tape:
            z = self.encoder(x)  # <-- cut
            rebuilt = tf.reduce_mean((self.decoder(z) - x) ** 2)
        first = tape.gradient(rebuilt, self.encoder.trainable_variables)
        with self.Tape() as tape:
            fooled = -tf.reduce_mean(self.critic(z))
        second = tape.gradient(fooled, self.encoder.trainable_variables)
        return first, second


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(33)
    auto, x = Autoencoder(Tape), tf.random.normal((5, 4))
    auto.decoder(auto.encoder(x)), auto.critic(tf.zeros((1, 2)))
    step = tf.function(auto.step) if COMPILED else auto.step
    _, second = step(x)
    return dict(zip(EXPECT, second, strict=True))


if __name__ == "__main__":
    run()
