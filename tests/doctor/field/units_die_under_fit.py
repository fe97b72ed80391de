"""A hidden layer whose units are all negative, behind an LSTM and under a compiled fit: everything before it gets zero."""

import keras
import tensorflow as tf

ORIGIN = "dead ReLU in a custom train_step"
WAYS = ("tape",)
WEEKLY = True
COMPILED = True
CAUSE = "zero-saturated"
EXPECT = {"kernel": "zero", "recurrent": "zero", "bias": "zero"}


class Net(keras.Model):
    def __init__(self, Tape):
        super().__init__()
        self.Tape, self.lstm = Tape, keras.layers.LSTM(3)
        self.hidden = keras.layers.Dense(4, bias_initializer=keras.initializers.Constant(-9.0))
        self.head = keras.layers.Dense(1)

    def call(self, x):
        h = tf.nn.relu(self.hidden(self.lstm(x)))  # <-- cut
        return self.head(h)

    def train_step(self, data):
        x, y = data
        with self.Tape() as tape:
            loss = tf.reduce_mean((self(x) - y) ** 2)
        grads = tape.gradient(loss, self.lstm.trainable_variables)
        return {n: tf.norm(g) for n, g in zip(EXPECT, grads, strict=True)}


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(110)
    net = Net(Tape)
    net.compile("sgd", run_eagerly=not COMPILED)
    history = net.fit(tf.random.normal((6, 4, 2)), tf.random.normal((6, 1)), batch_size=3, verbose=0).history
    return {n: tf.constant(history[n][-1]) for n in EXPECT}


if __name__ == "__main__":
    run()
