"""One batch of a series has a NaN in it, as a missing measurement; the program goes on with NaN weights."""

import keras
import numpy as np
import tensorflow as tf

ORIGIN = "a64bit/tf2-object-detection-api-tutorial#8; GaloisInc/dlkoopman#2 (NaN in training)"
WAYS = ("tape", "command")
COMPILED = True
CAUSE = "nan-forward"
EXPECT = {"kernel": "nan", "recurrent": "nan", "bias": "nan"}
SAYS = ("step 3",)


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(75)
    series = np.random.default_rng(75).normal(size=(5, 4, 6, 2)).astype("float32")
    series[2, 1, 3, 0] = np.nan
    gru = keras.layers.GRU(3)
    gru(series[0])

    def step(x):
        with Tape() as tape:
            h = gru(x)  # <-- cut
            loss = tf.reduce_mean(h**2)  # <-- also
        grads = tape.gradient(loss, gru.trainable_variables)
        for v, dv in zip(gru.trainable_variables, grads, strict=True):
            v.assign_sub(0.1 * dv)
        return grads

    step = tf.function(step) if COMPILED else step
    for x in series:
        grads = step(tf.convert_to_tensor(x))
    return dict(zip(EXPECT, grads, strict=True))


if __name__ == "__main__":
    run()
