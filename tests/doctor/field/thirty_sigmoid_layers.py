"""Thirty sigmoid layers: the first kernel's gradient is a number, but below 1e-12."""

import keras
import tensorflow as tf

ORIGIN = "vanishing gradients in a deep sigmoid network"
WAYS = ("tape",)
COMPILED = True
CAUSE = "vanishing"
EXPECT = {"first": "ok"}


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(83)
    layers, x = [keras.layers.Dense(6, "sigmoid") for _ in range(30)], tf.random.normal((8, 6))
    for layer in layers:
        layer.build((8, 6))

    def step(x):
        with Tape() as tape:
            h = x
            for layer in layers:
                h = layer(h)  # <-- cut
            loss = tf.reduce_mean((h - 0.3) ** 2)
        return tape.gradient(loss, [layers[0].kernel])

    step = tf.function(step) if COMPILED else step
    return dict(zip(EXPECT, step(x), strict=True))


if __name__ == "__main__":
    run()
