"""Mixed precision by hand: the loss is scaled while it is still float16, and the product is over 65,504."""

import keras
import tensorflow as tf

ORIGIN = "keras-team/keras#16552; tensorflow/tensorflow#56142"
WAYS = ("tape",)
COMPILED = True
CAUSE = "nan-forward"
EXPECT = {"kernel": "nan", "bias": "nan"}
SAYS = ("float32",)


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(8)
    head = keras.layers.Dense(2, dtype="mixed_float16")
    x, y = 4.0 * tf.random.normal((6, 5)), tf.cast(30.0 + tf.random.normal((6, 2)), tf.float16)
    head(x)

    def step(x, y):
        with Tape() as tape:
            loss = tf.reduce_mean((head(x) - y) ** 2)
            loss = loss * tf.constant(32768.0, tf.float16)  # <-- cut
            total = loss + tf.exp(-loss) * loss
        return tape.gradient(total, head.trainable_variables)

    step = tf.function(step) if COMPILED else step
    return dict(zip(EXPECT, step(x, y), strict=True))


if __name__ == "__main__":
    run()
