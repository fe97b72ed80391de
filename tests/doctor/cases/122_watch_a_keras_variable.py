"""tape.watch refuses a Keras 3 variable."""

import keras
import tensorflow as tf

CAUSE = "api-misuse"
FORM = "tape"
RAISES = "ValueError"
EXPECT = {}
CUT = "tape.watch(dense.kernel)"


def run(Tape=tf.GradientTape):
    dense, x = keras.layers.Dense(2), tf.ones((1, 3))
    dense(x)
    with Tape(watch_accessed_variables=False) as tape:
        tape.watch(dense.kernel)
        loss = tf.reduce_sum(dense(x))
    return {"kernel": tape.gradient(loss, dense.kernel)}
