"""A linear recurrence whose matrix has a large spectral radius: the gradient of the early state is over 1e9."""

import tensorflow as tf

ORIGIN = "exploding gradients in a recurrence, the standard example"
WAYS = ("tape", "explain")
COMPILED = True
CAUSE = "exploding"
EXPECT = {"w": "ok", "h0": "ok"}


def problem():
    g = tf.random.Generator.from_seed(81)
    w, h0, x = (
        tf.Variable(2.5 * tf.eye(3) + 0.1 * g.normal((3, 3))),
        tf.Variable(g.normal((4, 3))),
        g.normal((24, 4, 3)),
    )

    def loss_fn():
        h = tf.identity(h0)
        for t in range(24):
            h = h @ w + x[t]  # <-- cut
        return tf.reduce_mean(h)

    return loss_fn, {"w": w, "h0": h0}


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
