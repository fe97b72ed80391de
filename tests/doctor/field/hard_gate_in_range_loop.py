"""An RNN loop over tf.range with a gate that is opened by a comparison: the gate's own weights get nothing."""

import tensorflow as tf

ORIGIN = "skip-RNN and hard attention written by hand"
WAYS = ("tape",)
COMPILED = True
CAUSE = "comparison"
EXPECT = {"gate": "zero", "w": "ok"}


def run(Tape=tf.GradientTape):
    g = tf.random.Generator.from_seed(12)
    gate, w, x = tf.Variable(g.normal((3, 1))), tf.Variable(0.5 * g.normal((3, 3))), g.normal((6, 4, 3))

    def step(x):
        with Tape() as tape:
            h = tf.zeros((4, 3))
            for t in tf.range(6):
                level = tf.sigmoid(x[t] @ gate)
                is_open = tf.cast(level > 0.5, tf.float32)  # <-- cut
                h = is_open * tf.tanh(x[t] + h @ w) + (1.0 - is_open) * h
            loss = tf.reduce_mean(h**2)
        return tape.gradient(loss, [gate, w])

    step = tf.function(step) if COMPILED else step
    return dict(zip(EXPECT, step(x), strict=True))


if __name__ == "__main__":
    run()
