"""Text GAN in a compiled step: the generator's words are taken by argmax and looked up again before the judge reads them."""

import keras
import tensorflow as tf

ORIGIN = "keras-team/keras#17444; dbpedia/RDF2text-GAN#1"
WAYS = ("tape",)
COMPILED = True
CAUSE = "argmax"
EXPECT = {"writer kernel": "none", "writer recurrent": "none", "writer bias": "none", "words": "none"}


class Writer:
    def __init__(self):
        self.cell = keras.layers.LSTM(6, return_sequences=True)
        self.to_words = keras.layers.Dense(9, use_bias=False)

    def __call__(self, noise):
        logits = self.to_words(self.cell(noise))
        return tf.argmax(logits, axis=-1)  # <-- cut

    @property
    def weights(self):
        return self.cell.trainable_variables + self.to_words.trainable_variables


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(2)
    writer = Writer()
    judge = keras.Sequential([keras.layers.Embedding(9, 4), keras.layers.Bidirectional(keras.layers.GRU(3))])
    head = keras.layers.Dense(1)
    noise = tf.random.normal((4, 5, 3))
    head(judge(writer(noise)))

    def step(noise):
        with Tape() as tape:
            score = head(judge(writer(noise)))
            loss = -tf.reduce_mean(tf.math.log_sigmoid(score))
        return tape.gradient(loss, writer.weights)

    step = tf.function(step) if COMPILED else step
    return dict(zip(EXPECT, step(noise), strict=True))


if __name__ == "__main__":
    run()
