"""Healthy: norms of 1e-4 and of a few hundred are ordinary."""

import tensorflow as tf

ORIGIN = "summed and averaged losses in the same program"
WAYS = ("tape", "explain")
COMPILED = True
CAUSE = None
EXPECT = {"w": "ok", "v": "ok"}


def problem():
    g = tf.random.Generator.from_seed(84)
    w, v, x = tf.Variable(g.normal((3, 2))), tf.Variable(g.normal((2, 1))), 6.0 * g.normal((40, 3))

    def loss_fn():
        large = tf.reduce_sum((x @ w) ** 2)
        small = 1e-5 * tf.reduce_mean(tf.tanh(tf.stop_gradient(x @ w) @ v))
        return large + small

    return loss_fn, {"w": w, "v": v}


def run(Tape=tf.GradientTape):
    loss_fn, sources = problem()

    def step():
        with Tape() as tape:
            loss = loss_fn()
        return tape.gradient(loss, list(sources.values()))

    step = tf.function(step) if COMPILED else step
    return dict(zip(EXPECT, step(), strict=True))


if __name__ == "__main__":
    run()
