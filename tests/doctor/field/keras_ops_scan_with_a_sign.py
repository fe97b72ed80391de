"""keras.ops.scan over time with a binary state; compiled."""

import keras
import tensorflow as tf
from keras import ops

ORIGIN = "keras-team/keras#19313 (keras.ops.scan)"
WAYS = ("tape",)
WEEKLY = True
COMPILED = True
CAUSE = ("zero-saturated", "no-gradient-op")
EXPECT = {"w": "zero"}


def run(Tape=tf.GradientTape):
    w = keras.Variable([[0.6, -0.3], [0.2, 0.4]], name="w")
    x = tf.random.stateless_normal((5, 2), (1, 2))

    def one(h, x_t):
        h = ops.sign(ops.matmul(h + x_t[None], w))  # <-- cut
        return h, h

    def step(x):
        with Tape() as tape:
            last, _ = ops.scan(one, ops.zeros((1, 2)), x)
            loss = ops.sum((last - 0.5) ** 2)
        return tape.gradient(loss, [w.value])

    step = tf.function(step) if COMPILED else step
    return dict(zip(EXPECT, step(x), strict=True))


if __name__ == "__main__":
    run()
