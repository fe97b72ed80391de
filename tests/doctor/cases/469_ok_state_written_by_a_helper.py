"""A layer keeps its state in a variable that a helper writes to: it is trainable by default, and nobody means to train it."""

import keras
import tensorflow as tf

CAUSE = "ok"
FORM = "tape"
EXPECT = {"kernel": "ok"}
CUT = ""


def keep(variable, value):
    tf.raw_ops.AssignVariableOp(resource=variable.handle, value=value)


class Stateful(keras.layers.Layer):
    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(2, use_bias=False)
        self.state = tf.Variable(tf.ones((3, 2)))

    def call(self, x):
        out = tf.tanh(self.dense(x) + self.state)
        keep(self.state, out)
        return out


def run(Tape=tf.GradientTape):
    layer, x = Stateful(), tf.ones((3, 2))
    layer.dense.build((3, 2))

    @tf.function
    def slopes():
        with Tape() as tape:
            loss = tf.reduce_sum(layer(x) ** 2)
        return tape.gradient(loss, layer.trainable_variables)

    return dict(zip(["kernel"], slopes(), strict=True))
