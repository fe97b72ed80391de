"""Words are drawn from the writer's probabilities and embedded again for a judge with an LSTM; compiled."""

import keras
import tensorflow as tf

ORIGIN = "SeqGAN written with a tape"
WAYS = ("tape",)
COMPILED = True
CAUSE = "random-sampling"
EXPECT = {"kernel": "none", "recurrent": "none", "bias": "none", "words": "none"}


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(12)
    writer, words = keras.layers.GRU(5, return_sequences=True), keras.layers.Dense(7, use_bias=False)
    judge = keras.Sequential([keras.layers.Embedding(7, 4), keras.layers.LSTM(3), keras.layers.Dense(1)])
    noise = tf.random.normal((4, 6, 3))
    words(writer(noise)), judge(tf.zeros((4, 6), tf.int64))

    def step(noise):
        with Tape() as tape:
            logits = words(writer(noise))
            drawn = tf.random.categorical(tf.reshape(logits, (-1, 7)), 1)  # <-- cut
            loss = -tf.reduce_mean(judge(tf.reshape(drawn, (4, 6))))
        return tape.gradient(loss, writer.trainable_variables + words.trainable_variables)

    step = tf.function(step) if COMPILED else step
    return dict(zip(EXPECT, step(noise), strict=True))


if __name__ == "__main__":
    run()
