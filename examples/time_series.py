"""A forecast of the next value of a series, trained on the relative error.

The fault: the relative error divides by the target, and one window ends in an exact zero (a shop that was closed).
"""

import sys

import numpy as np
import tensorflow as tf

import gradlab

keras = tf.keras
MENDED = "--mended" in sys.argv


def relative_error(target, forecast):
    if MENDED:
        return tf.reduce_mean(tf.abs(forecast - target) / (tf.abs(target) + 0.1))
    return tf.reduce_mean(tf.abs(forecast - target) / target)


series = np.abs(np.sin(np.arange(200) / 5)).astype("float32") + 0.2
series[150] = 0.0
x = np.stack([series[i : i + 12] for i in range(188)])[..., None]
y = series[12:, None]

keras.utils.set_random_seed(0)
model = keras.Sequential([keras.Input((12, 1)), keras.layers.SimpleRNN(8), keras.layers.Dense(1)])
model.compile(keras.optimizers.Adam(1e-3), relative_error)
watch = gradlab.Watch(view="lines", stop_on=("nan",))
model.fit(x, y, batch_size=16, epochs=2, shuffle=False, verbose=0, callbacks=[watch])
