"""A small GAN on points of a circle.

The fault: the generator's loss is taken of images that were made before its tape began. All its gradients are None, and
the loop filters Nones out, so that Keras does not warn.
"""

import sys

import numpy as np
import tensorflow as tf

import gradlab

keras = tf.keras
MENDED = "--mended" in sys.argv
cross = keras.losses.BinaryCrossentropy(from_logits=True)


class Gan(keras.Model):
    def __init__(self):
        super().__init__()
        self.generator = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8, "tanh"), keras.layers.Dense(2)])
        self.discriminator = keras.Sequential([keras.Input((2,)), keras.layers.Dense(8, "tanh"), keras.layers.Dense(1)])
        self.second = keras.optimizers.Adam(1e-3)

    def call(self, noise):
        return self.discriminator(self.generator(noise))

    def learn(self, tape, loss, part, optimizer):
        held = part.trainable_variables
        pairs = zip(tape.gradient(loss, held), held)
        optimizer.apply_gradients([(g, v) for g, v in pairs if g is not None])

    def train_step(self, real):
        noise = tf.random.normal((tf.shape(real)[0], 4))
        made = self.generator(noise)
        with tf.GradientTape() as tape:
            given = tf.concat([self.discriminator(real), self.discriminator(made)], 0)
            truth = tf.concat([tf.ones_like(given[: tf.shape(real)[0]]), tf.zeros_like(given[tf.shape(real)[0] :])], 0)
            d_loss = cross(truth, given)
        self.learn(tape, d_loss, self.discriminator, self.second)
        with tf.GradientTape() as tape:
            if MENDED:
                made = self.generator(noise)
            verdict = self.discriminator(made)
            g_loss = cross(tf.ones_like(verdict), verdict)
        if MENDED:
            self.learn(tape, g_loss, self.generator, self.optimizer)
        else:
            gradients = tape.gradient(g_loss, self.generator.trainable_variables)
            pairs = [(g, v) for g, v in zip(gradients, self.generator.trainable_variables) if g is not None]
            if pairs:
                self.optimizer.apply_gradients(pairs)
        return {"d_loss": d_loss, "g_loss": g_loss}


angle = np.random.RandomState(0).rand(256, 1) * 2 * np.pi
points = np.concatenate([np.cos(angle), np.sin(angle)], 1).astype("float32")

keras.utils.set_random_seed(0)
model = Gan()
model.compile(keras.optimizers.Adam(1e-3))
watch = gradlab.Watch(view="lines")
model.fit(tf.data.Dataset.from_tensor_slices(points).batch(32), epochs=2, verbose=0, callbacks=[watch])
