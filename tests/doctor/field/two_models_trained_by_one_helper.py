"""One helper trains a broken model and then a good one on the same lines: the broken one must stay visible."""

import keras
import tensorflow as tf

ORIGIN = "the time-series tutorial of TensorFlow (compile_and_fit)"
WAYS = ("command",)
COMPILED = False
CAUSE = "no-gradient-op"
EXPECT = {"kernel": "none", "recurrent": "none", "bias": "none"}


class Rounded(keras.layers.Layer):
    def call(self, x):
        return tf.math.rint(4.0 * x)  # <-- cut


def train(model, x, y, Tape):
    optimizer, first = keras.optimizers.SGD(0.1), None
    for _ in range(2):
        with Tape() as tape:
            loss = tf.reduce_mean((model(x) - y) ** 2)
        grads = tape.gradient(loss, model.layers[0].trainable_variables)
        first = grads if first is None else first
        pairs = [(g, v) for g, v in zip(grads, model.layers[0].trainable_variables, strict=True) if g is not None]
        if pairs:
            optimizer.apply_gradients(pairs)
    return first


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(77)
    x, y = tf.random.normal((5, 4, 2)), tf.random.normal((5, 1))
    broken = keras.Sequential([keras.layers.GRU(3), Rounded(), keras.layers.Dense(1)])
    good = keras.Sequential([keras.layers.GRU(3), keras.layers.Dense(1)])
    broken(x), good(x)
    grads = train(broken, x, y, Tape)
    train(good, x, y, Tape)
    return dict(zip(EXPECT, grads, strict=True))


if __name__ == "__main__":
    run()
