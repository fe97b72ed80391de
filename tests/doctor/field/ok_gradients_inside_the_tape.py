"""Healthy: a persistent tape is asked twice inside its own block, and the first gradient is only printed."""

import tensorflow as tf

ORIGIN = "gradient norms that are logged inside the with block"
LAST = 2
WAYS = ("tape",)
COMPILED = False
CAUSE = None
EXPECT = {"w, early": "ok", "w": "ok", "b": "ok"}


def run(Tape=tf.GradientTape):
    g = tf.random.Generator.from_seed(44)
    w, b, x = tf.Variable(g.normal((3, 2))), tf.Variable(g.normal((2,))), g.normal((4, 3))
    with Tape(persistent=True) as tape:
        h = tf.tanh(x @ w + b)
        early = tape.gradient(h, w)
        print("norm", float(tf.norm(early)))
        loss = tf.reduce_mean(h**2)
        grads = tape.gradient(loss, [w, b])
    return dict(zip(EXPECT, [early, *grads], strict=True))


if __name__ == "__main__":
    run()
