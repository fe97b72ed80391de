"""Healthy: a Kalman-like filter as tf.scan over two carried values."""

import tensorflow as tf

ORIGIN = "tensorflow/tensorflow#41789 (a scan that is differentiated)"
WAYS = ("tape",)
COMPILED = True
CAUSE = None
EXPECT = {"noise": "ok", "gain": "ok"}


def run(Tape=tf.GradientTape):
    noise, gain = tf.Variable(0.3), tf.Variable(0.7)
    x = tf.constant([0.1, 0.4, 0.2, 0.9, 0.7])

    def update(carry, z):
        mean, spread = carry
        k = spread / (spread + tf.nn.softplus(noise))
        return gain * mean + k * (z - mean), (1.0 - k) * spread + 0.1

    def step(x):
        with Tape() as tape:
            means, spreads = tf.scan(update, x, initializer=(tf.constant(0.0), tf.constant(1.0)))
            loss = tf.reduce_mean((means - x) ** 2 / spreads + tf.math.log(spreads))
        return tape.gradient(loss, [noise, gain])

    step = tf.function(step) if COMPILED else step
    return dict(zip(EXPECT, step(x), strict=True))


if __name__ == "__main__":
    run()
