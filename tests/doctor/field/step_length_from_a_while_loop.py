"""Adaptive computation time: the learned halting weight only decides how often a compiled loop runs."""

import tensorflow as tf

ORIGIN = "adaptive computation time written by hand; tensorflow/tensorflow#593"
WAYS = ("tape",)
COMPILED = True
CAUSE = "loop-condition"
EXPECT = {"halt": "zero", "w": "ok"}


def run(Tape=tf.GradientTape):
    g = tf.random.Generator.from_seed(18)
    halt, w, x = tf.Variable(0.3), tf.Variable(0.5 * g.normal((3, 3))), g.normal((4, 3))

    def step(x):
        with Tape() as tape:
            h, spent = x, tf.constant(0.0)
            while spent < 1.0:  # <-- cut
                h = tf.tanh(h @ w)
                spent += tf.sigmoid(halt) / 2.0  # <-- also
            loss = tf.reduce_mean(h**2)
        return tape.gradient(loss, [halt, w])

    step = tf.function(step) if COMPILED else step
    return dict(zip(EXPECT, step(x), strict=True))


if __name__ == "__main__":
    run()
