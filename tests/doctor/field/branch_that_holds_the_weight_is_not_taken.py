"""A tf.cond takes the branch without the weight; eagerly the weight is never used, the graph gives zeros."""

import tensorflow as tf

ORIGIN = "tensorflow/tensorflow#31259"
WAYS = ("tape",)
COMPILED = False
CAUSE = ("unconnected", "comparison")
EXPECT = {"w": "none", "v": "ok"}


def run(Tape=tf.GradientTape):
    w, v, x = tf.Variable(0.3), tf.Variable(1.5), tf.constant(-2.0)

    def step(x):
        with Tape() as tape:
            y = tf.cond(x > 0.0, lambda: w * x, lambda: v * x)  # <-- cut
            loss = (y - 1.0) ** 2
        return tape.gradient(loss, [w, v])  # <-- also

    return dict(zip(EXPECT, step(x), strict=True))


if __name__ == "__main__":
    run()
