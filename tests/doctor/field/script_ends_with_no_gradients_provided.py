"""Every gradient is None, and the optimizer ends the script: "No gradients provided for any variable"."""

import keras
import tensorflow as tf

ORIGIN = "tensorflow/tensorflow#1511; keras-team/keras#12804"
WAYS = ("command",)
WEEKLY = True
CAUSE = "argmax"
EXPECT = {"kernel": "none", "bias": "none"}
ENDS = "No gradients provided for any variable"


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(5)
    head, x = keras.layers.Dense(4), tf.random.normal((6, 3))
    head.build((6, 3))
    with Tape() as tape:
        guess = tf.argmax(head(x), -1)  # <-- cut
        loss = tf.reduce_mean(tf.cast(guess != 2, tf.float32))  # <-- also
    grads = tape.gradient(loss, head.trainable_variables)
    if __name__ == "__main__":
        keras.optimizers.SGD().apply_gradients(zip(grads, head.trainable_variables, strict=True))
    return dict(zip(EXPECT, grads, strict=True))


if __name__ == "__main__":
    run()
