"""The pixels are the variable; features and Gram matrices of a fixed convolution are the loss. Persistent tape."""

import keras
import tensorflow as tf


def run(Tape):
    features = keras.Sequential(
        [keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3, activation="relu"), keras.layers.AveragePooling2D(2)]
    )
    features.trainable = False
    image = tf.Variable(tf.random.uniform((1, 8, 8, 3)))
    content, style = features(tf.random.uniform((1, 8, 8, 3))), tf.random.uniform((4, 4))
    optimizer, losses = keras.optimizers.Adam(0.02), []
    for _ in range(3):
        with Tape(persistent=True) as tape:
            found = features(tf.clip_by_value(image, 0.0, 1.0))
            gram = tf.einsum("bijc,bijd->cd", found, found) / 9.0
            like, styled = tf.reduce_mean((found - content) ** 2), tf.reduce_mean((gram - style) ** 2)
            smooth = tf.reduce_sum(tf.image.total_variation(image))
        slopes = [tape.gradient(part, image) for part in (like, styled, smooth)]
        optimizer.apply_gradients([(slopes[0] + 0.5 * slopes[1] + 1e-3 * slopes[2], image)])
        losses += [like, styled, smooth]
    return losses, [image]
