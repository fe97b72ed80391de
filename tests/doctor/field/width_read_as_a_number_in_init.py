"""The width is read as a NumPy number when the layer is built."""

import keras
import tensorflow as tf

ORIGIN = "tensorflow/probability#467 and learnable front ends (LEAF, SincNet)"
WAYS = ("tape", "command")
COMPILED = True
CAUSE = "numpy-conversion"
EXPECT = {"width": "none", "recurrent": "ok", "head": "ok"}


class Filter(keras.layers.Layer):
    def __init__(self, taps):
        super().__init__()
        self.taps = taps
        self.width = self.add_weight(shape=(), initializer=keras.initializers.Constant(0.3), name="width")
        self.spread = self.width.numpy()  # <-- cut

    def window(self):
        t = tf.linspace(-1.0, 1.0, self.taps)
        return tf.exp(-((t / tf.nn.softplus(self.spread)) ** 2))

    def call(self, x):
        return tf.nn.conv1d(x, self.window()[:, None, None], 1, "SAME")


class Net(keras.Model):
    def __init__(self, Tape):
        super().__init__()
        self.Tape, self.filter = Tape, Filter(3)
        self.rnn, self.head = keras.layers.LSTM(3), keras.layers.Dense(1)

    def call(self, x):
        return self.head(self.rnn(self.filter(x)))

    def train_step(self, data):
        x, y = data
        with self.Tape() as tape:
            loss = tf.reduce_mean((self(x) - y) ** 2)
        weights = [self.filter.width, self.rnn.trainable_variables[1], self.head.kernel]
        grads = tape.gradient(loss, weights)
        self.optimizer.apply_gradients((g, v) for g, v in zip(grads, weights, strict=True) if g is not None)
        return {"loss": loss, **{n: tf.norm(g) for n, g in zip(EXPECT, grads, strict=True) if g is not None}}


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(410)
    net, x, y = Net(Tape), tf.random.normal((8, 6, 1)), tf.random.normal((8, 1))
    net.compile("sgd", run_eagerly=not COMPILED)
    history = net.fit(x, y, batch_size=4, verbose=0).history
    return {n: history[n][-1] if n in history else None for n in EXPECT}


if __name__ == "__main__":
    run()
