"""Gradient descent by hand: after the first step the name holds a tensor, and from the second step on there is no gradient."""

import tensorflow as tf

ORIGIN = "the autodiff guide: a variable replaced by a tensor"
WAYS = ("tape",)
COMPILED = False
CAUSE = "variable-rebound"
EXPECT = {"w": "none"}
SAYS = ("step 2",)


def run(Tape=tf.GradientTape):
    w, x, y = tf.Variable([0.5, -0.2]), tf.constant([[1.0, 2.0], [0.3, -1.0]]), tf.constant([1.0, 0.0])
    for _ in range(3):
        with Tape() as tape:
            loss = tf.reduce_mean((tf.linalg.matvec(x, w) - y) ** 2)
        grad = tape.gradient(loss, w)
        w = w - 0.1 * (grad if grad is not None else 0.0)  # <-- cut
    return {"w": grad}


if __name__ == "__main__":
    run()
