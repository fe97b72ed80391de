"""A script with a cut gradient that ends by sys.exit("..."): the message, the status and the report all stay."""

import sys

import keras
import tensorflow as tf

ORIGIN = "scripts with a main() that returns a message"
WAYS = ("command",)
COMPILED = False
CAUSE = "comparison"
EXPECT = {"kernel": "none", "bias": "none"}
ENDS = "no model was written"  # on the standard error, as without the command


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(96)
    gate, x = keras.layers.Dense(2), tf.random.normal((6, 3))
    gate(x)
    with Tape() as tape:
        chosen = tf.where(gate(x) > 0.0, 1.0, 0.0)  # <-- cut
        loss = tf.reduce_mean((chosen - 0.5) ** 3)
    return dict(zip(EXPECT, tape.gradient(loss, gate.trainable_variables), strict=True))


if __name__ == "__main__":
    run()
    sys.exit("no model was written")
