"""Healthy: a generator is asked whose loss goes through a judge with weights of its own and a frozen feature network."""

import keras
import tensorflow as tf

ORIGIN = "perceptual and adversarial losses"
WAYS = ("owner",)
CAUSE = None
EXPECT = {"kernel": "ok", "bias": "ok"}


def problem():
    keras.utils.set_random_seed(94)
    generator = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4)], name="generator")
    judge = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, "tanh"), keras.layers.Dense(1)], name="judge")
    features = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)], name="features")
    features.trainable = False
    z, real = tf.random.normal((5, 3)), tf.random.normal((5, 4))

    def loss_fn():
        fake = generator(z)
        return tf.reduce_mean(tf.nn.softplus(-judge(fake))) + tf.reduce_mean((features(fake) - features(real)) ** 2)

    return loss_fn, generator


if __name__ == "__main__":
    loss_fn, generator = problem()
    with tf.GradientTape() as tape:
        loss = loss_fn()
    tape.gradient(loss, generator.trainable_variables)
