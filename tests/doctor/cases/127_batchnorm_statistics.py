"""Moving statistics of BatchNormalization are asked for."""

import keras
import tensorflow as tf

CAUSE = "non-trainable"
EXPECT = {"moving_mean": "none", "gamma": "ok"}
CUT = "y = bn(x @ w, training=False)"
CUT_ALSO = ("bn = keras.layers.BatchNormalization()",)


def run():
    bn = keras.layers.BatchNormalization()
    w, x = tf.Variable([[1.0, 0.5], [0.2, -0.3]]), tf.constant([[1.0, 2.0], [3.0, 5.0]])
    bn(x)

    def loss_fn():
        y = bn(x @ w, training=False)
        return tf.reduce_sum(y**2)

    return loss_fn, {"moving_mean": bn.moving_mean.value, "gamma": bn.gamma.value}
