"""The weight of the auxiliary loss is zero."""

import tensorflow as tf

CAUSE = "zero-masked"
EXPECT = {"aux": "zero", "w": "ok"}
CUT = "return main + 0.0 * extra"


def run():
    aux, w = tf.Variable([1.0, 2.0]), tf.Variable([0.5, 0.1])

    def loss_fn():
        main = tf.reduce_sum(w**2)
        extra = tf.reduce_sum(aux**3)
        return main + 0.0 * extra

    return loss_fn, {"aux": aux, "w": w}
