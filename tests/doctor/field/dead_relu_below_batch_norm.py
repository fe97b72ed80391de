"""Every unit of a ReLU is off; a batch normalisation behind a second layer hides where the zero arises."""

import keras
import tensorflow as tf

ORIGIN = "dying ReLU below a normalisation, from many threads"
WAYS = ("tape", "explain")
COMPILED = True
CAUSE = "zero-saturated"
EXPECT = {"kernel": "zero", "bias": "zero"}


def run(Tape=tf.GradientTape):
    loss_fn, sources = problem()

    def step():
        with Tape() as tape:
            loss = loss_fn()
        return tape.gradient(loss, list(sources.values()))

    step = tf.function(step) if COMPILED else step
    return dict(zip(EXPECT, step(), strict=True))


def problem():
    keras.utils.set_random_seed(52)
    first, second, norm = keras.layers.Dense(5), keras.layers.Dense(4), keras.layers.BatchNormalization()
    x, skip = tf.random.normal((8, 3)), tf.random.normal((8, 4))
    norm(second(first(x)))

    def loss_fn():
        h = tf.nn.relu(first(x) - 60.0)  # <-- cut
        h = second(h) + skip
        return tf.reduce_mean(norm(h, training=True) ** 3)

    return loss_fn, {"kernel": first.kernel, "bias": first.bias}


if __name__ == "__main__":
    run()
