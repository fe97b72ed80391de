"""The weights of one layer are chosen by the start of their name, which in Keras 3 is `kernel` or `bias`."""

import keras
import tensorflow as tf

CAUSE = "empty-vars"
FORM = "tape"
EXPECT: dict[str, str] = {}
ROWS = ["empty"]
CUT = 'mine = [v for v in model.trainable_variables if v.name.startswith("wide")]'


def run(Tape=tf.GradientTape):
    wide, deep = keras.layers.Dense(1, name="wide"), keras.layers.Dense(1, name="deep")
    x = keras.Input((3,))
    model = keras.Model(x, wide(x) + deep(keras.layers.Dense(4, activation="tanh")(x)))
    mine = [v for v in model.trainable_variables if v.name.startswith("wide")]
    with Tape() as tape:
        loss = tf.reduce_mean(model(tf.ones((2, 3))) ** 2)
    return dict(zip((v.path for v in mine), tape.gradient(loss, mine), strict=True))
