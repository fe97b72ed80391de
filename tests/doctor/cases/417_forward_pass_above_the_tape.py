"""The model runs above the with-block, and the optimizer finds no gradient."""

import keras
import tensorflow as tf

CAUSE = "before-tape"
FORM = "tape"
RAISES = "ValueError"
EXPECT = {"kernel": "none"}
ROWS = ["none", "none"]
CUT = "guess = model(x)"


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    optimizer, x, y = keras.optimizers.SGD(0.1), tf.random.normal((4, 3)), tf.ones((4, 1))
    guess = model(x)
    with Tape() as tape:
        loss = tf.reduce_mean((y - guess) ** 2)
    found = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(found, model.trainable_variables, strict=True))
    return {"kernel": found[0]}
