"""Legacy Keras, fit with a train_step: the words of the encoder are taken by argmax and embedded again."""

import os

os.environ["TF_USE_LEGACY_KERAS"] = "1"
import tensorflow as tf

ORIGIN = "keras-team/tf-keras#293, under fit"
WAYS = ("tape", "command")
ALONE = True  # legacy Keras is chosen before TensorFlow starts
COMPILED = True
CAUSE = "argmax"
EXPECT = {"kernel": "none", "recurrent": "none", "bias": "none"}


def run(Tape=tf.GradientTape):
    tf.keras.utils.set_random_seed(117)
    seen = []

    class Rewriter(tf.keras.Model):
        def __init__(self):
            super().__init__()
            self.encoder = tf.keras.layers.LSTM(5, return_sequences=True)
            self.embed, self.reader = tf.keras.layers.Embedding(5, 3), tf.keras.layers.GRU(2)

        def call(self, x):
            words = tf.argmax(self.encoder(x), -1)  # <-- cut
            return self.reader(self.embed(words))

        def train_step(self, data):
            x, y = data
            with Tape() as tape:
                loss = tf.reduce_mean((self(x, training=True) - y) ** 2)
            seen[:] = tape.gradient(loss, self.encoder.trainable_variables)
            return {"loss": loss}

    net = Rewriter()
    net.compile("sgd", run_eagerly=not COMPILED)
    net.fit(tf.random.normal((8, 4, 3)), tf.random.normal((8, 2)), batch_size=8, verbose=0)
    return dict(zip(EXPECT, seen, strict=True))


if __name__ == "__main__":
    run()
