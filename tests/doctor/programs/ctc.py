"""A bidirectional LSTM with CTC, eagerly."""

import keras
import tensorflow as tf


def run(Tape):
    model = keras.Sequential(
        [
            keras.Input((10, 4)),
            keras.layers.Bidirectional(keras.layers.LSTM(5, return_sequences=True)),
            keras.layers.Dense(5),
        ]
    )
    x, labels = tf.random.normal((2, 10, 4)), tf.constant([[1, 2, 3], [2, 1, 0]])
    optimizer, losses = keras.optimizers.SGD(0.1), []
    for _ in range(3):
        with Tape() as tape:
            loss = tf.reduce_mean(
                tf.nn.ctc_loss(
                    labels, model(x), tf.constant([3, 2]), tf.constant([10, 10]), logits_time_major=False, blank_index=4
                )
            )
        slopes = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(slopes, model.trainable_variables, strict=True))
        losses.append(loss)
    return losses, model.trainable_variables
