"""A Keras model with a train_step of its own, under fit, with dropout."""

import keras
import numpy as np
import tensorflow as tf


def run(Tape):
    class Model(keras.Model):
        def train_step(self, data):
            x, y = data
            with Tape() as tape:
                loss = tf.reduce_mean((self(x, training=True) - y) ** 2)
            slopes = tape.gradient(loss, self.trainable_variables)
            self.optimizer.apply_gradients(zip(slopes, self.trainable_variables, strict=True))
            return {"loss": loss}

    inputs = keras.Input((5, 3))
    hidden = keras.layers.Dropout(0.2)(keras.layers.LSTM(6)(inputs))
    model = Model(inputs, keras.layers.Dense(1)(hidden))
    model.compile("adam")
    x, y = np.random.normal(size=(12, 5, 3)), np.random.normal(size=(12, 1))
    history = model.fit(x, y, batch_size=4, epochs=2, verbose=0).history
    return [tf.constant(v) for v in history["loss"]], model.variables
