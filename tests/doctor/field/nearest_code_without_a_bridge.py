"""VQ-VAE under fit: the encoder's output is replaced by the nearest code, and nothing bridges the choice."""

import keras
import tensorflow as tf

ORIGIN = "keras.io/examples/generative/vq_vae"
WAYS = ("tape",)
WEEKLY = True
COMPILED = True
CAUSE = "argmax"
EXPECT = {"encode kernel": "none", "encode bias": "none", "codes": "ok"}


class Quantise(keras.layers.Layer):
    def build(self, shape):
        self.codes = self.add_weight(shape=(shape[-1], 5), initializer="glorot_uniform", name="codes")

    def call(self, z):
        far = tf.reduce_sum(z**2, 1, keepdims=True) + tf.reduce_sum(self.codes**2, 0) - 2 * z @ self.codes
        chosen = tf.one_hot(tf.argmin(far, axis=1), 5)  # <-- cut
        return tf.matmul(chosen, self.codes, transpose_b=True)


class Net(keras.Model):
    def __init__(self, Tape):
        super().__init__()
        self.Tape = Tape
        self.encode, self.quantise, self.decode = keras.layers.Dense(4), Quantise(), keras.layers.Dense(3)

    def call(self, x):
        return self.decode(self.quantise(self.encode(x)))

    def train_step(self, data):
        x, y = data
        with self.Tape() as tape:
            loss = tf.reduce_mean((self(x) - y) ** 2)
        grads = tape.gradient(loss, [*self.encode.trainable_variables, self.quantise.codes])
        return {n: tf.constant(float("nan")) if g is None else tf.norm(g) for n, g in zip(EXPECT, grads, strict=True)}


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(108)
    net, x = Net(Tape), tf.random.normal((6, 3))
    net.compile("sgd", run_eagerly=not COMPILED)
    history = net.fit(x, x, batch_size=6, verbose=0).history
    values = [history[n][-1] for n in EXPECT]
    return {n: None if v != v else tf.constant(v) for n, v in zip(EXPECT, values, strict=True)}


if __name__ == "__main__":
    run()
