"""A layer that only a Lambda's function knows is not among the model's variables."""

import keras
import tensorflow as tf

CAUSE = "empty-vars"
FORM = "vars"
EXPECT = {"trainable_variables": "missing"}
ROWS = ["ok", "ok", "missing", "missing"]
CUT = "keras.layers.Lambda(lambda h: h + extra(h)),"


def run():
    extra = keras.layers.Dense(3)
    extra.build((None, 3))
    model = keras.Sequential(
        [
            keras.Input((2,)),
            keras.layers.Dense(3),
            keras.layers.Lambda(lambda h: h + extra(h)),
        ]
    )
    x = tf.constant([[0.2, 0.5]])

    def loss_fn():
        return tf.reduce_sum(model(x) ** 2)

    return loss_fn, (lambda: model.trainable_variables), model
