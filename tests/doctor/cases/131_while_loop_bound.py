"""The learned threshold only decides how often tf.while_loop runs."""

import tensorflow as tf

CAUSE = "loop-condition"
EXPECT = {"bound": "none", "rate": "ok"}
CUT = "lambda s: s < bound"


def run():
    bound, rate = tf.Variable(3.0), tf.Variable(1.3)

    def loss_fn():
        (total,) = tf.while_loop(
            lambda s: s < bound,
            lambda s: (s * rate,),
            [tf.constant(1.0)],
        )
        return total**2

    return loss_fn, {"bound": bound, "rate": rate}
