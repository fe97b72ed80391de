"""Prototypes of a metric-learning head are normalised when the dataclass is made, under fit."""

from dataclasses import dataclass, field

import keras
import tensorflow as tf

ORIGIN = "cosine classifiers and ArcFace heads written by hand"
WAYS = ("tape",)
COMPILED = True
CAUSE = "before-tape"
EXPECT = {"raw": "none", "kernel": "ok", "bias": "ok"}


@dataclass
class Prototypes:
    raw: tf.Variable
    unit: tf.Tensor = field(init=False)

    def __post_init__(self):
        self.unit = tf.math.l2_normalize(self.raw, axis=-1)  # <-- cut

    def similarity(self, h):
        return tf.matmul(tf.math.l2_normalize(h, axis=-1), self.unit, transpose_b=True)


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(28)
    prototypes = Prototypes(tf.Variable(tf.random.normal((3, 4))))
    body, x, y = keras.layers.Dense(4), tf.random.normal((6, 5)), tf.constant([0, 1, 2, 0, 1, 2])
    body(x)

    def step(x, y):
        with Tape() as tape:
            logits = 8.0 * prototypes.similarity(body(x))
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits))
        return tape.gradient(loss, [prototypes.raw, *body.trainable_variables])

    step = tf.function(step) if COMPILED else step
    return dict(zip(EXPECT, step(x, y), strict=True))


if __name__ == "__main__":
    run()
