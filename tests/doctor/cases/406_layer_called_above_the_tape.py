"""The first layer is called above the with-block."""

import keras
import tensorflow as tf

CAUSE = "before-tape"
FORM = "tape"
EXPECT = {"first": "none", "second": "ok"}
CUT = "_, last = first(x)"


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(0)
    first, second = keras.layers.GRU(3, return_state=True), keras.layers.Dense(1)
    x = tf.random.normal((2, 4, 2))
    _, last = first(x)
    second(last)
    with Tape() as tape:
        loss = tf.reduce_mean(second(last) ** 2)
    found = tape.gradient(loss, [first.cell.kernel.value, second.kernel.value])
    return dict(zip(("first", "second"), found, strict=True))
