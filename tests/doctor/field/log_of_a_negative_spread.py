"""A hand-written divergence takes the log where the exponential belongs: the loss is NaN, and every gradient is there."""

import tensorflow as tf

ORIGIN = "variational autoencoders written by hand: NaN loss, finite gradients (d log x / dx is finite below 0)"
WAYS = ("tape", "command", "explain")
COMPILED = True
CAUSE = "nan-forward"
EXPECT = {"w": "ok", "v": "ok"}
SAYS = ("the loss is NaN",)


def problem():
    g = tf.random.Generator.from_seed(311)
    x, w, v = g.normal((4, 3)), tf.Variable(g.normal((3, 2))), tf.Variable(g.normal((2, 3)))

    def loss_fn():
        logs = x @ w
        spread = tf.math.log(logs) - 1.0 - logs  # <-- cut
        return tf.reduce_mean((tf.tanh(logs) @ v - x) ** 2) + tf.reduce_mean(spread)

    return loss_fn, {"w": w, "v": v}


def run(Tape=tf.GradientTape):
    loss_fn, sources = problem()

    def step():
        with Tape() as tape:
            loss = loss_fn()
        return loss, tape.gradient(loss, list(sources.values()))

    step = tf.function(step) if COMPILED else step
    for _ in range(3):
        _, slopes = step()
        for v, slope in zip(sources.values(), slopes, strict=True):
            v.assign_sub(0.01 * slope)
    return dict(zip(sources, slopes, strict=True))


if __name__ == "__main__":
    run()
