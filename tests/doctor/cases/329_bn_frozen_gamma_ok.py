"""Healthy: BatchNormalization in training mode, dropout, gather_nd, cumsum, einsum."""

import keras
import tensorflow as tf

CAUSE = "ok"
EXPECT = {"gamma": "ok", "w": "ok"}
CUT = ""


def run():
    keras.utils.set_random_seed(3)
    bn, drop = keras.layers.BatchNormalization(), keras.layers.Dropout(0.4)
    w, x = tf.Variable(tf.random.normal((3, 4))), tf.random.normal((8, 3))
    bn(x @ w)

    def loss_fn():
        h = drop(bn(x @ w, training=True), training=True)
        picked = tf.gather_nd(h, [[0, 1], [3, 2]])
        return tf.reduce_sum(tf.cumsum(picked) ** 2) + tf.reduce_sum(tf.einsum("bi,bj->ij", h, h)[0] ** 2)

    return loss_fn, {"gamma": bn.gamma.value, "w": w}
