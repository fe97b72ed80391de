"""PINN with ReLU: the network is piecewise linear, so its second derivative is zero everywhere."""

import keras
import tensorflow as tf

ORIGIN = "keras-team/keras#13050, with ReLU"
LAST = 1
WAYS = ("tape",)
COMPILED = True
CAUSE = ("zero-saturated", "unconnected")
EXPECT = {"u_x": "ok", "u_xx": "zero"}
SAYS = ("second",)


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(42)
    one, two = keras.layers.Dense(8, "relu"), keras.layers.Dense(1)  # <-- also
    x = tf.linspace(-1.0, 1.0, 10)[:, None]
    two(one(x))

    def step(x):
        with Tape() as outer:
            outer.watch(x)
            with Tape() as inner:
                inner.watch(x)
                u = two(one(x))  # <-- cut
            u_x = inner.gradient(u, x)  # <-- also
        return [u_x, outer.gradient(u_x, x)]

    step = tf.function(step) if COMPILED else step
    return dict(zip(EXPECT, step(x), strict=True))


if __name__ == "__main__":
    run()
