"""Another class keeps the model's list, taken before the first call."""

import keras
import tensorflow as tf

CAUSE = "empty-vars"
FORM = "vars"
EXPECT = {"trainable_variables": "empty"}
CUT = "self.kept = [*network.trainable_weights]"


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.rnn = keras.layers.SimpleRNN(2)

    def call(self, x):
        return self.rnn(x)


class Step:
    def __init__(self, network):
        self.network = network
        self.kept = [*network.trainable_weights]

    def loss(self, x):
        return tf.reduce_sum(self.network(x) ** 2)


def run():
    net = Net()
    step, x = Step(net), tf.ones((1, 2, 2))
    return (lambda: step.loss(x)), (lambda: step.kept), net
