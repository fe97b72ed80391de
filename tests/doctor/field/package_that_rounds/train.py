"""The program of the package."""

import keras
import tensorflow as tf

from .layers import codes


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(122)
    gru, head, x = keras.layers.GRU(3), keras.layers.Dense(1), tf.random.normal((4, 5, 2))
    head(gru(x))
    with Tape() as tape:
        loss = tf.reduce_mean(head(codes(gru(x))) ** 2)
    return tape.gradient(loss, gru.trainable_variables)


if __name__ == "__main__":
    run()
