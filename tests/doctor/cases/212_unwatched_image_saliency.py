"""Saliency map: the image is a plain tensor and nobody watches it."""

import keras
import tensorflow as tf

CAUSE = "not-watched"
FORM = "tape"
EXPECT = {"image": "none"}
CUT = "score = model(image)[0, 1]"


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(2)
    model = keras.Sequential([keras.layers.Conv2D(2, 3), keras.layers.Flatten(), keras.layers.Dense(2)])
    image = tf.random.normal((1, 5, 5, 1))
    with Tape() as tape:
        score = model(image)[0, 1]
    return {"image": tape.gradient(score, image)}
