"""A helper compiles a step for each of three models; the second one rounds its features, the third is good again."""

import keras
import tensorflow as tf

ORIGIN = "a comparison of models by one training helper"
WAYS = ("command",)
COMPILED = True
CAUSE = "no-gradient-op"
EXPECT = {"kernel": "none", "bias": "none"}


def train(encoder, between, head, x, y, Tape):
    def step(x, y):
        with Tape() as tape:
            loss = tf.reduce_mean((head(between(encoder(x))) - y) ** 2)
        return tape.gradient(loss, encoder.trainable_variables)

    step = tf.function(step) if COMPILED else step
    for _ in range(3):
        grads = step(x, y)
    return grads


def to_levels(h):
    return tf.math.floor(4.0 * h)  # <-- cut


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(305)
    x, y = tf.random.normal((5, 2)), tf.random.normal((5, 1))
    found = []
    for between in (tf.tanh, to_levels, tf.nn.softplus):
        encoder, head = keras.layers.Dense(3), keras.layers.Dense(1)
        head(encoder(x))
        found.append(train(encoder, between, head, x, y, Tape))
    return dict(zip(EXPECT, found[1], strict=True))


if __name__ == "__main__":
    run()
