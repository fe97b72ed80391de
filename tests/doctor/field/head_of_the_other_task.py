"""Two heads over an LSTM under fit; the loss was written for the first only, and the second head is asked as well."""

import keras
import tensorflow as tf

ORIGIN = "multi-task models with a custom train_step"
WAYS = ("tape",)
WEEKLY = True
COMPILED = True
CAUSE = "unconnected"
EXPECT = {"a kernel": "ok", "a bias": "ok", "b kernel": "none", "b bias": "none"}


class Net(keras.Model):
    def __init__(self, Tape):
        super().__init__()
        self.Tape, self.body = Tape, keras.layers.LSTM(3)
        self.first, self.second = keras.layers.Dense(1), keras.layers.Dense(2)

    def call(self, x):
        h = self.body(x)
        return self.first(h), self.second(h)  # <-- cut

    def train_step(self, data):
        x, y = data
        with self.Tape() as tape:
            value, _ = self(x)
            loss = tf.reduce_mean((value - y) ** 2)  # <-- also
        grads = tape.gradient(loss, [*self.first.trainable_variables, *self.second.trainable_variables])
        return {n: tf.constant(float("nan")) if g is None else tf.norm(g) for n, g in zip(EXPECT, grads, strict=True)}


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(114)
    net = Net(Tape)
    net.compile("sgd", run_eagerly=not COMPILED)
    history = net.fit(tf.random.normal((6, 4, 2)), tf.random.normal((6, 1)), batch_size=6, verbose=0).history
    values = [history[n][-1] for n in EXPECT]
    return {n: None if v != v else tf.constant(v) for n, v in zip(EXPECT, values, strict=True)}


if __name__ == "__main__":
    run()
