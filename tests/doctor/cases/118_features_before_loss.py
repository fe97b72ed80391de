"""Two hops: features of a frozen-looking encoder are computed once, normalised, and used in the loss."""

import keras
import tensorflow as tf

CAUSE = "before-tape"
EXPECT = {"encoder": "none", "head": "ok"}
CUT = "feats = encoder(x)"
CUT_ALSO = ("normed = feats / tf.norm(feats)", "return tf.reduce_mean(head(normed) ** 2)")


def run():
    keras.utils.set_random_seed(7)
    encoder, head = keras.layers.LSTM(4), keras.layers.Dense(1)
    x = tf.random.normal((3, 4, 2))
    feats = encoder(x)
    normed = feats / tf.norm(feats)
    head(normed)

    def loss_fn():
        return tf.reduce_mean(head(normed) ** 2)

    return loss_fn, {"encoder": encoder.cell.kernel.value, "head": head.kernel.value}
