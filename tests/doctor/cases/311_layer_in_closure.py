"""A helper layer lives in a lambda: the model does not see it."""

import keras
import tensorflow as tf

CAUSE = "empty-vars"
FORM = "vars"
EXPECT = {"trainable_variables": "missing"}
ROWS = ["ok", "ok", "missing", "missing"]
CUT = "self.post = make_post()"
CUT_ALSO = ("extra = keras.layers.Dense(2)", "return lambda t: extra(t)", "return self.post(self.base(x))")


def make_post():
    extra = keras.layers.Dense(2)
    extra.build((None, 3))
    return lambda t: extra(t)


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.base = keras.layers.Dense(3)
        self.post = make_post()

    def call(self, x):
        return self.post(self.base(x))


def run():
    net, x = Net(), tf.ones((1, 4))
    net(x)

    def loss_fn():
        return tf.reduce_sum(net(x) ** 2)

    return loss_fn, (lambda: net.trainable_variables), net
