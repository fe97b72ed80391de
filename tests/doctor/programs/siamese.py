"""Two passes through one network and a contrastive loss, from a tf.data pipeline that is shuffled."""

import keras
import tensorflow as tf


def run(Tape):
    twin = keras.Sequential(
        [keras.Input((5,)), keras.layers.Dense(6, "relu"), keras.layers.LayerNormalization(), keras.layers.Dense(3)]
    )
    optimizer, losses = keras.optimizers.SGD(0.05, momentum=0.9), []
    pairs = (tf.random.normal((12, 5)), tf.random.normal((12, 5)), tf.cast(tf.random.uniform((12,)) > 0.5, tf.float32))
    for a, b, alike in tf.data.Dataset.from_tensor_slices(pairs).shuffle(12, seed=3).batch(4):
        with Tape() as tape:
            distance = tf.norm(twin(a) - twin(b) + 1e-6, axis=1)
            loss = tf.reduce_mean(alike * distance**2 + (1.0 - alike) * tf.maximum(0.0, 1.0 - distance) ** 2)
        slopes = tape.gradient(loss, twin.trainable_variables)
        optimizer.apply_gradients(zip(slopes, twin.trainable_variables, strict=True))
        losses.append(loss)
    return losses, twin.variables
