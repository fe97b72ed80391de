"""An implicit layer: tf.while_loop iterates to a fixed point, and the body floors its state; compiled."""

import tensorflow as tf

ORIGIN = "deep equilibrium models; tensorflow/tensorflow#3972"
WAYS = ("tape",)
WEEKLY = True
COMPILED = True
CAUSE = "no-gradient-op"
EXPECT = {"w": "zero", "v": "ok"}


def run(Tape=tf.GradientTape):
    w, v = tf.Variable([[0.3, -0.4], [0.2, 0.6]]), tf.Variable([0.7, 0.2])
    x = tf.constant([[1.0, 2.0]])

    def body(i, z):
        moved = tf.tanh(z @ w + x)
        return i + 1, tf.floor(8.0 * moved) / 8.0  # <-- cut

    def step(x):
        with Tape() as tape:
            _, z = tf.while_loop(lambda i, z: i < 4, body, (tf.constant(0), tf.zeros_like(x)))
            loss = tf.reduce_sum((z * v - 1.0) ** 2)
        return tape.gradient(loss, [w, v])

    step = tf.function(step) if COMPILED else step
    return dict(zip(EXPECT, step(x), strict=True))


if __name__ == "__main__":
    run()
