"""Healthy: mixed precision with a loss that is scaled in float32 and gradients that are scaled back."""

import keras
import tensorflow as tf

ORIGIN = "keras-team/keras#19479; keras-team/keras#20894"
WAYS = ("tape",)
COMPILED = True
CAUSE = None
EXPECT = {"gru kernel": "ok", "gru recurrent": "ok", "gru bias": "ok", "head kernel": "ok", "head bias": "ok"}


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(16)
    gru, head = keras.layers.GRU(4, dtype="mixed_float16"), keras.layers.Dense(1, dtype="mixed_float16")
    x, y = tf.random.normal((6, 5, 3)), tf.random.normal((6, 1))
    head(gru(x))
    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.01))
    weights = gru.trainable_variables + head.trainable_variables
    optimizer.build(weights)

    def step(x, y):
        with Tape() as tape:
            loss = tf.reduce_mean((tf.cast(head(gru(x)), tf.float32) - y) ** 2)
            scaled = optimizer.scale_loss(loss)
        grads = tape.gradient(scaled, weights)
        optimizer.apply_gradients(zip(grads, weights, strict=True))
        return grads

    step = tf.function(step) if COMPILED else step
    return dict(zip(EXPECT, step(x, y), strict=True))


if __name__ == "__main__":
    run()
