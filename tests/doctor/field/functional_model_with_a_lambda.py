"""A functional Keras model with a Lambda that takes argmax between an LSTM and a Dense layer; fit with a custom step."""

import keras
import tensorflow as tf

ORIGIN = "keras-team/keras#11112 (Lambda with argmax)"
WAYS = ("tape",)
WEEKLY = True
COMPILED = True
CAUSE = "argmax"
EXPECT = {"kernel": "none", "recurrent": "none", "bias": "none", "head kernel": "ok", "head bias": "ok"}


class Trained(keras.Model):
    def train_step(self, data):
        x, y = data
        with self.Tape() as tape:
            loss = tf.reduce_mean((self(x, training=True) - y) ** 2)
        grads = tape.gradient(loss, self.trainable_variables)
        return {n: tf.constant(float("nan")) if g is None else tf.norm(g) for n, g in zip(EXPECT, grads, strict=True)}


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(54)
    given = keras.Input((5, 2))
    h = keras.layers.LSTM(4, return_sequences=True)(given)
    best = keras.layers.Lambda(lambda h: tf.cast(tf.argmax(h, -1), tf.float32))(h)  # <-- cut
    net = Trained(given, keras.layers.Dense(1)(best))
    net.Tape = Tape
    net.compile("sgd", run_eagerly=not COMPILED)
    history = net.fit(tf.random.normal((4, 5, 2)), tf.random.normal((4, 1)), batch_size=4, verbose=0).history
    values = [history[n][-1] for n in EXPECT]
    return {n: None if v != v else tf.constant(v) for n, v in zip(EXPECT, values, strict=True)}


if __name__ == "__main__":
    run()
