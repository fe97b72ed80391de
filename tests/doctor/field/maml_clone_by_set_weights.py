"""MAML: the adapted weights are set into a clone; the outer gradient can't pass through set_weights."""

import keras
import tensorflow as tf

ORIGIN = "tensorflow/tensorflow#61199; hereismari/tensorflow-maml#3"
WAYS = ("tape",)
COMPILED = False
CAUSE = ("state-assign", "numpy-conversion")
EXPECT = {"kernel": "none", "bias": "none"}


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(37)
    net = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    clone = keras.models.clone_model(net)
    x, y = tf.random.normal((5, 2)), tf.random.normal((5, 1))
    with Tape() as outer:
        with Tape() as inner:
            train = tf.reduce_mean((net(x) - y) ** 2)
        grads = inner.gradient(train, net.trainable_variables)
        adapted = [w - 0.1 * g for w, g in zip(net.trainable_variables, grads, strict=True)]
        clone.set_weights(adapted)  # <-- cut
        test = tf.reduce_mean((clone(x) - y) ** 2)
    return dict(zip(EXPECT, outer.gradient(test, net.trainable_variables), strict=True))


if __name__ == "__main__":
    run()
