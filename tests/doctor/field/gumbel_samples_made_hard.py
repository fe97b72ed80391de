"""A categorical VAE draws with Gumbel noise and takes the hard one-hot sample, without the straight-through term."""

import keras
import tensorflow as tf

ORIGIN = "ericjang/gumbel-softmax#4"
WAYS = ("tape",)
WEEKLY = True
COMPILED = True
CAUSE = "argmax"
EXPECT = {"encode kernel": "none", "encode bias": "none", "decode kernel": "ok", "decode bias": "ok"}


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(44)
    encode, decode, x = keras.layers.Dense(5), keras.layers.Dense(3), tf.random.normal((6, 3))
    decode(encode(x))

    def sample(logits):
        noise = -tf.math.log(-tf.math.log(tf.random.uniform(tf.shape(logits), 1e-6, 1.0)))
        soft = tf.nn.softmax((logits + noise) / 0.5)
        hard = tf.one_hot(tf.argmax(soft, -1), 5)  # <-- cut
        return hard

    def step(x):
        with Tape() as tape:
            loss = tf.reduce_mean((decode(sample(encode(x))) - x) ** 2)
        return tape.gradient(loss, encode.trainable_variables + decode.trainable_variables)

    step = tf.function(step) if COMPILED else step
    return dict(zip(EXPECT, step(x), strict=True))


if __name__ == "__main__":
    run()
