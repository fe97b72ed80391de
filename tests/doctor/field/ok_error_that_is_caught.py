"""Healthy: the script catches an out-of-range error of its own, uses try for an optional import, and trains on."""

import keras
import tensorflow as tf

try:
    import a_package_that_nobody_has as extra
except ImportError:
    extra = None

ORIGIN = "defensive scripts"
WAYS = ("tape", "command")
COMPILED = False
CAUSE = None
EXPECT = {"kernel": "ok", "bias": "ok"}


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(98)
    head, batches = (
        keras.layers.Dense(1),
        [tf.random.normal((4, 3)), tf.random.normal((4, 2)), tf.random.normal((4, 3))],
    )
    head.build((4, 3))
    for x in batches:
        try:
            with Tape() as tape:
                loss = tf.reduce_mean(tf.matmul(x, head.kernel) + head.bias)
            grads = tape.gradient(loss, head.trainable_variables)
        except tf.errors.InvalidArgumentError:
            continue
    return dict(zip(EXPECT, grads, strict=True))


if __name__ == "__main__":
    run()
