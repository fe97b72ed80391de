"""The loss of a generator runs through a discriminator, whose weights are no part of the generator's list."""

import keras
import tensorflow as tf

CAUSE = "ok"
FORM = "vars"
EXPECT = {}
ROWS = ["ok", "ok", "ok", "ok"]
CUT = ""


class Critic(keras.Model):
    def __init__(self):
        super().__init__()
        self.first, self.last = keras.layers.Dense(5, activation="tanh"), keras.layers.Dense(1)

    def call(self, x):
        return self.last(self.first(x))


def run():
    keras.utils.set_random_seed(3)
    painter = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, activation="tanh"), keras.layers.Dense(2)])
    critic, noise = Critic(), tf.random.normal((6, 3))
    critic(tf.zeros((1, 2)))

    def loss_fn():
        fake = painter(noise)
        return -tf.reduce_mean(critic(fake))

    return loss_fn, lambda: painter.trainable_variables, painter
