"""tf.scan over time with a quantised carry: the weights inside the scan get nothing."""

import tensorflow as tf

ORIGIN = "tensorflow/tensorflow#41789; tensorflow/tensorflow#3972"
WAYS = ("tape",)
COMPILED = True
CAUSE = "no-gradient-op"
EXPECT = {"w": "zero", "u": "zero"}


def run(Tape=tf.GradientTape):
    g = tf.random.Generator.from_seed(5)
    w, u, x = tf.Variable(g.normal((2, 3))), tf.Variable(g.normal((3, 3))), g.normal((6, 4, 2))

    def cell(h, x_t):
        wide = tf.tanh(x_t @ w + h @ u) * 8.0
        return tf.round(wide) / 8.0  # <-- cut

    def step(x):
        with Tape() as tape:
            states = tf.scan(cell, x, initializer=tf.zeros((4, 3)))
            loss = tf.reduce_mean((states - 0.5) ** 2)
        return tape.gradient(loss, [w, u])

    step = tf.function(step) if COMPILED else step
    return dict(zip(EXPECT, step(x), strict=True))


if __name__ == "__main__":
    run()
