"""Low-rank adapter: the second factor starts at zero, so the first has gradient zero in the first step, as it should."""

import tensorflow as tf

ORIGIN = "the LoRA example of Keras; ReZero and zero-initialised gates"
WAYS = ("tape", "explain")
COMPILED = True
CAUSE = "zero-masked"
EXPECT = {"down": "zero", "up": "ok"}


def problem():
    g = tf.random.Generator.from_seed(61)
    frozen, down, up = g.normal((4, 3)), tf.Variable(g.normal((4, 2))), tf.Variable(tf.zeros((2, 3)))
    x, y = g.normal((6, 4)), g.normal((6, 3))

    def loss_fn():
        adapted = tf.tanh(x @ frozen + tf.matmul(x @ down, up))  # <-- cut
        return tf.reduce_mean((adapted - y) ** 2)

    return loss_fn, {"down": down, "up": up}


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
