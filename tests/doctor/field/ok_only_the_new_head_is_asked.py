"""Healthy: a frozen base, a head that is trained, and an auxiliary head that the loss of this step does not ask about."""

import keras
import tensorflow as tf

ORIGIN = "the transfer learning guide of Keras"
WAYS = ("explain",)
CAUSE = None
EXPECT = {"kernel": "ok", "bias": "ok"}


def problem():
    keras.utils.set_random_seed(95)
    base = keras.Sequential([keras.Input((4, 2)), keras.layers.GRU(3)], name="base")
    head, auxiliary = keras.layers.Dense(1), keras.layers.Dense(2)
    base.trainable = False
    x, y = tf.random.normal((6, 4, 2)), tf.random.normal((6, 1))
    head(base(x)), auxiliary(base(x))

    def loss_fn():
        return tf.reduce_mean((head(base(x)) - y) ** 2)

    return loss_fn, {"kernel": head.kernel, "bias": head.bias}


if __name__ == "__main__":
    loss_fn, sources = problem()
    with tf.GradientTape() as tape:
        loss = loss_fn()
    tape.gradient(loss, list(sources.values()))
