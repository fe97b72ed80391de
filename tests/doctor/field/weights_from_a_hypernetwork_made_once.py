"""A hypernetwork makes the weights of a layer once, in a method that is called before training; then fit."""

import keras
import tensorflow as tf

ORIGIN = "hypernetworks written as a Keras model"
WAYS = ("tape",)
WEEKLY = True
COMPILED = True
CAUSE = "before-tape"
EXPECT = {"hyper kernel": "none", "hyper bias": "none", "head kernel": "ok", "head bias": "ok"}


class Net(keras.Model):
    def __init__(self, Tape):
        super().__init__()
        self.Tape = Tape
        self.hyper, self.head = keras.layers.Dense(6), keras.layers.Dense(1)
        self.made = None

    def condition_on(self, task):
        self.made = tf.reshape(self.hyper(task), (2, 3))  # <-- cut

    def call(self, x):
        return self.head(tf.tanh(x @ self.made))

    def train_step(self, data):
        x, y = data
        with self.Tape() as tape:
            loss = tf.reduce_mean((self(x) - y) ** 2)
        asked = self.hyper.trainable_variables + self.head.trainable_variables
        grads = tape.gradient(loss, asked)
        return {n: tf.constant(float("nan")) if g is None else tf.norm(g) for n, g in zip(EXPECT, grads, strict=True)}


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(41)
    net = Net(Tape)
    net.condition_on(tf.random.normal((1, 4)))
    net.compile("sgd", run_eagerly=not COMPILED)
    history = net.fit(tf.random.normal((4, 2)), tf.random.normal((4, 1)), batch_size=4, verbose=0).history
    values = [history[n][-1] for n in EXPECT]
    return {n: None if v != v else tf.constant(v) for n, v in zip(EXPECT, values, strict=True)}


if __name__ == "__main__":
    run()
