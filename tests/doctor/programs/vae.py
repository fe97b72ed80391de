"""A variational autoencoder with the reparameterisation trick, in a tf.function."""

import keras
import tensorflow as tf


def run(Tape):
    encode = keras.Sequential([keras.Input((6,)), keras.layers.Dense(8, "softplus"), keras.layers.Dense(4)])
    decode = keras.Sequential([keras.Input((2,)), keras.layers.Dense(8, "softsign"), keras.layers.Dense(6)])
    weights = [*encode.trainable_variables, *decode.trainable_variables]
    optimizer = keras.optimizers.Adam(0.01)
    optimizer.build(weights)
    x = tf.cast(tf.random.uniform((8, 6)) > 0.5, tf.float32)

    @tf.function
    def step(x):
        with Tape() as tape:
            mean, logvar = tf.split(encode(x), 2, 1)
            z = mean + tf.exp(0.5 * logvar) * tf.random.normal((8, 2))
            fit = tf.reduce_sum(tf.nn.sigmoid_cross_entropy_with_logits(labels=x, logits=decode(z)))
            loss = fit - 0.5 * tf.reduce_sum(1.0 + logvar - mean**2 - tf.exp(logvar))
        optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
        return loss

    return [step(x) for _ in range(4)], weights
