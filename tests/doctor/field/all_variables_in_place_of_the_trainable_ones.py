"""`model.variables` is asked: the state of a dropout's seed and the statistics of a normalisation have no gradient."""

import keras
import tensorflow as tf

ORIGIN = "tensorflow/tensorflow#41412 (variables and trainable_variables)"
WAYS = ("tape",)
COMPILED = True
CAUSE = "non-trainable"
EXPECT = {"kernel": "ok", "bias": "ok", "gamma": "ok", "beta": "ok", "mean": "none", "variance": "none", "seed": "none"}
SAYS = ("trainable_variables",)


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(102)
    net = keras.Sequential([keras.layers.Dense(3), keras.layers.BatchNormalization(), keras.layers.Dropout(0.2)])
    x = tf.random.normal((6, 2))
    net(x)

    def step(x):
        with Tape() as tape:
            loss = tf.reduce_mean(net(x, training=True) ** 2)  # <-- also
        return tape.gradient(loss, net.variables)  # <-- cut

    step = tf.function(step) if COMPILED else step
    return dict(zip(EXPECT, step(x), strict=True))


if __name__ == "__main__":
    run()
