"""A cell of one's own inside keras.layers.RNN rounds its state; the model is trained with fit and its own train_step."""

import keras
import tensorflow as tf

ORIGIN = "tensorflow/tensorflow#54417; titu1994/Nested-LSTM#5"
WAYS = ("tape", "command")
COMPILED = True
CAUSE = "no-gradient-op"
EXPECT = {"w": "zero", "u": "zero", "head kernel": "ok", "head bias": "ok"}


class LevelCell(keras.layers.Layer):
    def __init__(self, units):
        super().__init__()
        self.units = self.state_size = units

    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1], self.units), name="w")
        self.u = self.add_weight(shape=(self.units, self.units), name="u")

    def call(self, x, states):
        h = tf.tanh(x @ self.w + states[0] @ self.u)
        h = tf.round(4.0 * h) / 4.0  # <-- cut
        return h, [h]


class Net(keras.Model):
    def __init__(self, Tape):
        super().__init__()
        self.Tape = Tape
        self.rnn, self.head = keras.layers.RNN(LevelCell(4)), keras.layers.Dense(1)

    def call(self, x):
        return self.head(self.rnn(x))

    def train_step(self, data):
        x, y = data
        with self.Tape() as tape:
            loss = tf.reduce_mean((self(x, training=True) - y) ** 2)
        grads = tape.gradient(loss, self.trainable_variables)
        pairs = [(g, v) for g, v in zip(grads, self.trainable_variables, strict=True) if g is not None]
        self.optimizer.apply_gradients(pairs)
        return {"loss": loss, **{n: tf.norm(g) for n, g in zip(EXPECT, grads, strict=True) if g is not None}}


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(10)
    net, x, y = Net(Tape), tf.random.normal((8, 5, 2)), tf.random.normal((8, 1))
    net.compile("sgd", run_eagerly=not COMPILED)
    history = net.fit(x, y, batch_size=8, verbose=0).history
    return {n: history[n][-1] if n in history else None for n in EXPECT}


if __name__ == "__main__":
    run()
