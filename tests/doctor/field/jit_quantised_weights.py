"""Weights are quantised in the forward pass of a step that XLA compiles; no straight-through estimator."""

import tensorflow as tf

ORIGIN = "quantisation-aware training written by hand, as in many threads about tf.round"
WAYS = ("tape",)
COMPILED = True
CAUSE = "no-gradient-op"
EXPECT = {"w": "none", "b": "ok"}


def quantise(weight, bits=4):
    scale = 2.0 ** (bits - 1)
    return tf.math.round(weight * scale) / scale  # <-- cut


def run(Tape=tf.GradientTape):
    g = tf.random.Generator.from_seed(7)
    w, b, x, y = tf.Variable(g.normal((3, 2))), tf.Variable(g.normal((2,))), g.normal((8, 3)), g.normal((8, 2))

    def step(x, y):
        with Tape() as tape:
            loss = tf.reduce_mean((tf.tanh(x @ quantise(w) + b) - y) ** 2)
        return tape.gradient(loss, [w, b])

    step = tf.function(step, jit_compile=True) if COMPILED else step
    return dict(zip(EXPECT, step(x, y), strict=True))


if __name__ == "__main__":
    run()
