"""Deep dream: the picture is a tensor that each step adds its gradient to, and no tape is told to watch it."""

import keras
import tensorflow as tf

ORIGIN = "tensorflow.org/tutorials/generative/deepdream"
WAYS = ("tape",)
WEEKLY = True
COMPILED = True
CAUSE = "not-watched"
EXPECT = {"picture": "none"}


class Dream:
    def __init__(self, Tape, net):
        self.Tape, self.net = Tape, net

    def loss(self, picture):
        activation = self.net(picture[None])  # <-- also
        return tf.reduce_mean(activation)

    def climb(self, picture):
        with self.Tape() as tape:
            loss = self.loss(picture)  # <-- cut
        slope = tape.gradient(loss, picture)
        if slope is not None:
            picture = picture + 0.1 * slope / (tf.math.reduce_std(slope) + 1e-8)
        picture = tf.clip_by_value(picture, -1.0, 1.0)
        return slope


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(101)
    dream = Dream(Tape, keras.Sequential([keras.layers.Conv2D(2, 3), keras.layers.Conv2D(1, 2)]))
    picture = tf.random.uniform((6, 6, 1))
    dream.net(picture[None])
    climb = tf.function(dream.climb) if COMPILED else dream.climb
    return {"picture": climb(picture)}


if __name__ == "__main__":
    run()
