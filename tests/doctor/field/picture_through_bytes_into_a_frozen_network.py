"""Style transfer: the network is frozen, which is right; the picture went through uint8 on its way into it."""

import keras
import tensorflow as tf

ORIGIN = "the style transfer tutorial of TensorFlow"
WAYS = ("tape",)
COMPILED = True
CAUSE = "integer-cast"
EXPECT = {"picture": "none"}


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(93)
    network = keras.Sequential([keras.layers.Conv2D(3, 3, activation="relu"), keras.layers.Conv2D(2, 3)])
    picture, style = tf.Variable(tf.random.uniform((1, 8, 8, 3))), tf.random.uniform((1, 8, 8, 3))
    network(style)
    network.trainable = False

    def gram(features):
        return tf.einsum("bijc,bijd->bcd", features, features) / 16.0

    aim = gram(network(style))

    def step():
        with Tape() as tape:
            pixels = tf.cast(255.0 * picture, tf.uint8)  # <-- cut
            loss = tf.reduce_mean((gram(network(tf.cast(pixels, tf.float32) / 255.0)) - aim) ** 2)
        return tape.gradient(loss, [picture])

    step = tf.function(step) if COMPILED else step
    return dict(zip(EXPECT, step(), strict=True))


if __name__ == "__main__":
    run()
