"""Healthy: the layers make their weights in the first call, which is the one under the tape."""

import keras
import tensorflow as tf

ORIGIN = "every eager tutorial that never calls build()"
WAYS = ("tape",)
COMPILED = False
CAUSE = None
EXPECT = {f"w{i}": "ok" for i in range(5)}


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(30)
    net = keras.Sequential([keras.layers.LSTM(3), keras.layers.Dense(1)])
    x = tf.random.normal((4, 5, 2))
    with Tape() as tape:
        loss = tf.reduce_mean(net(x) ** 2)
    return dict(zip(EXPECT, tape.gradient(loss, net.trainable_variables), strict=True))


if __name__ == "__main__":
    run()
