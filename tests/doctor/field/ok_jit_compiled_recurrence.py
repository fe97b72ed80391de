"""Healthy: a recurrence over a fixed number of steps in a step that XLA compiles."""

import tensorflow as tf

ORIGIN = "the XLA tutorial, with a recurrence"
WAYS = ("tape",)
COMPILED = True
CAUSE = None
EXPECT = {"w": "ok", "u": "ok", "b": "ok"}


def run(Tape=tf.GradientTape):
    g = tf.random.Generator.from_seed(15)
    w, u, b = tf.Variable(g.normal((2, 4))), tf.Variable(0.4 * g.normal((4, 4))), tf.Variable(0.1 * g.normal((4,)))
    x = g.normal((7, 5, 2))

    def step(x):
        with Tape() as tape:
            h = tf.zeros((5, 4))
            for t in range(7):
                h = tf.nn.softsign(x[t] @ w + h @ u + b)
            loss = tf.reduce_mean(tf.reduce_sum(h**2, -1))
        return tape.gradient(loss, [w, u, b])

    step = tf.function(step, jit_compile=True) if COMPILED else step
    return dict(zip(EXPECT, step(x), strict=True))


if __name__ == "__main__":
    run()
