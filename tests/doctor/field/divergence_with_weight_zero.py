"""A VAE whose KL term starts with weight 0: the layer of the variances has no other way into the loss."""

import keras
import tensorflow as tf

ORIGIN = "KL annealing in VAE examples"
WAYS = ("tape", "command")
WEEKLY = True
COMPILED = True
CAUSE = "zero-masked"
EXPECT = {"width kernel": "zero", "width bias": "zero"}


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(104)
    mean, width, decode = keras.layers.Dense(2), keras.layers.Dense(2), keras.layers.Dense(3)
    x, beta = tf.random.normal((5, 3)), tf.Variable(0.0, trainable=False)
    decode(mean(x)), width(x)

    def step(x):
        with Tape() as tape:
            m, s = mean(x), width(x)
            kl = -0.5 * tf.reduce_mean(1.0 + s - m**2 - tf.exp(s))
            loss = tf.reduce_mean((decode(m) - x) ** 2) + beta * kl  # <-- cut
        return tape.gradient(loss, width.trainable_variables)

    if COMPILED and Tape is not tf.GradientTape:
        step = tf.function(step)
    return dict(zip(EXPECT, step(x), strict=True))


if __name__ == "__main__":
    run()
