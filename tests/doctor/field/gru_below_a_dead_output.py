"""Regression of a negative quantity with ReLU at the output: the output is flat and the GRU below it gets zeros."""

import keras
import tensorflow as tf

ORIGIN = "regression with a ReLU output, a common question"
WAYS = ("tape",)
COMPILED = True
CAUSE = "zero-saturated"
EXPECT = {"kernel": "zero", "recurrent": "zero", "bias": "zero", "out kernel": "zero", "out bias": "zero"}


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(57)
    gru, out = keras.layers.GRU(4), keras.layers.Dense(1, bias_initializer=keras.initializers.Constant(-9.0))
    x, y = tf.random.normal((6, 5, 2)), -tf.ones((6, 1))
    out(gru(x))

    def step(x, y):
        with Tape() as tape:
            predicted = tf.nn.relu(out(gru(x)))  # <-- cut
            loss = tf.reduce_mean((predicted - y) ** 2)
        return tape.gradient(loss, gru.trainable_variables + out.trainable_variables)

    step = tf.function(step) if COMPILED else step
    return dict(zip(EXPECT, step(x, y), strict=True))


if __name__ == "__main__":
    run()
