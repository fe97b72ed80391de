"""A model keeps the encoding of the last batch; a look at the loss before training fills the cache outside the tape."""

import keras
import tensorflow as tf

ORIGIN = "caches in user code, as in the bijectors of TensorFlow Probability"
WAYS = ("tape",)
COMPILED = False
CAUSE = "before-tape"
EXPECT = {"kernel": "none", "bias": "none", "out kernel": "ok", "out bias": "ok"}


class Scorer:
    def __init__(self):
        self.encode, self.out = keras.layers.Dense(4, "tanh"), keras.layers.Dense(1)
        self.cached = {}

    def features(self, key, x):
        if key not in self.cached:
            self.cached[key] = self.encode(x)  # <-- cut
        return self.cached[key]

    def loss(self, key, x):
        return tf.reduce_mean(self.out(self.features(key, x)) ** 2)


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(25)
    scorer, x = Scorer(), tf.random.normal((5, 3))
    print("before training", float(scorer.loss("batch 0", x)))
    with Tape() as tape:
        loss = scorer.loss("batch 0", x)
    asked = scorer.encode.trainable_variables + scorer.out.trainable_variables
    return dict(zip(EXPECT, tape.gradient(loss, asked), strict=True))


if __name__ == "__main__":
    run()
