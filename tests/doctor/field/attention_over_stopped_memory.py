"""Attention decoder, compiled: the memory of the encoder is detached, and only the state still leads back to it."""

import keras
import tensorflow as tf

ORIGIN = "tensorflow/tensorflow#37501 (gradients do not exist for an encoder with attention)"
WAYS = ("tape",)
COMPILED = True
CAUSE = "stop-gradient"
EXPECT = {"encoder kernel": "none", "encoder recurrent": "none", "encoder bias": "none"}


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(3)
    encoder = keras.layers.Bidirectional(keras.layers.GRU(4, return_sequences=True), merge_mode="sum")
    decoder, out = keras.layers.LSTM(4, return_sequences=True), keras.layers.Dense(3)
    attend = keras.layers.Attention()
    source, target = tf.random.normal((5, 6, 2)), tf.random.normal((5, 4, 3))
    encoder(source), decoder(target), out(tf.zeros((1, 8)))
    asked = encoder.forward_layer.trainable_variables

    def step(source, target):
        with Tape() as tape:
            memory = encoder(source)
            memory = tf.stop_gradient(memory)  # <-- cut
            query = decoder(target)
            context = attend([query, memory])
            loss = tf.reduce_mean((out(tf.concat([query, context], -1)) - target) ** 2)
        return tape.gradient(loss, asked)

    step = tf.function(step) if COMPILED else step
    return dict(zip(EXPECT, step(source, target), strict=True))


if __name__ == "__main__":
    run()
