"""Healthy: five steps of training with an optimizer; a new tape each time."""

import keras
import tensorflow as tf

ORIGIN = "the custom training loop guide of Keras"
WAYS = ("tape",)
COMPILED = True
CAUSE = None
EXPECT = {f"w{i}": "ok" for i in range(5)}


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(78)
    net = keras.Sequential([keras.Input((4, 2)), keras.layers.GRU(3), keras.layers.Dense(1)])
    optimizer, x, y = keras.optimizers.Adam(0.01), tf.random.normal((6, 4, 2)), tf.random.normal((6, 1))
    optimizer.build(net.trainable_variables)

    def step(x, y):
        with Tape() as tape:
            loss = tf.reduce_mean((net(x, training=True) - y) ** 2)
        grads = tape.gradient(loss, net.trainable_variables)
        optimizer.apply_gradients(zip(grads, net.trainable_variables, strict=True))
        return grads

    step = tf.function(step) if COMPILED else step
    for _ in range(5):
        grads = step(x, y)
    return dict(zip(EXPECT, grads, strict=True))


if __name__ == "__main__":
    run()
