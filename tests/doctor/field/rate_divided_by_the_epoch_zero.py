"""The learning rate is divided by the number of the epoch, which begins at 0: the first update makes the weights infinite."""

import keras
import tensorflow as tf

ORIGIN = "inverse time decay written by hand; threads where the loss is NaN from the second step on"
WAYS = ("tape", "command")
COMPILED = False
CAUSE = "nan-forward"
EXPECT = {"kernel": "nan", "bias": "nan"}
SAYS = ("step 2 of 3", "before this step reads it", "written")


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(61)
    layer = keras.layers.Dense(1)
    x = tf.random.normal((6, 3))
    y = tf.reduce_sum(x, 1, keepdims=True) + 1.0
    layer.build(x.shape)
    for epoch in range(3):
        rate = 0.1 / tf.cast(epoch, tf.float32)
        with Tape() as tape:
            loss = tf.reduce_mean((layer(x) - y) ** 2)
        grads = tape.gradient(loss, layer.trainable_variables)
        for variable, grad in zip(layer.trainable_variables, grads, strict=True):
            variable.assign_sub(rate * grad)  # <-- cut
    return dict(zip(EXPECT, grads, strict=True))


if __name__ == "__main__":
    run()
