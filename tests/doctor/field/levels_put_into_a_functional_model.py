"""A functional model whose features are rounded by an op on symbolic tensors; `fit` is the only line around the op."""

import keras
import tensorflow as tf
from keras import ops

ORIGIN = "keras-team/keras-io: functional models that use keras.ops between layers"
WAYS = ("tape", "command")
COMPILED = True
CAUSE = "no-gradient-op"
EXPECT = {"kernel": "none", "bias": "none", "head kernel": "ok", "head bias": "ok"}


class Trained(keras.Model):
    def train_step(self, data):
        x, y = data
        with self.Tape() as tape:
            loss = tf.reduce_mean((self(x, training=True) - y) ** 2)
        grads = tape.gradient(loss, self.trainable_variables)
        return {n: tf.constant(float("nan")) if g is None else tf.norm(g) for n, g in zip(EXPECT, grads, strict=True)}


def build():
    given = keras.Input((3,))
    h = keras.layers.Dense(4)(given)
    level = ops.floor(  # <-- cut
        4.0 * h
    )
    return Trained(given, keras.layers.Dense(1)(level))


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(55)
    net = build()
    net.Tape = Tape
    net.compile("sgd", run_eagerly=not COMPILED)
    history = net.fit(tf.random.normal((4, 3)), tf.random.normal((4, 1)), batch_size=4, verbose=0).history
    values = [history[n][-1] for n in EXPECT]
    return {n: None if v != v else tf.constant(v) for n, v in zip(EXPECT, values, strict=True)}


if __name__ == "__main__":
    run()
