"""GAN: the fake is made under the generator's tape, but it is judged only after that tape has closed."""

import keras
import tensorflow as tf

ORIGIN = "tensorflow/tensorflow#31919"
WAYS = ("tape", "command")
COMPILED = True
CAUSE = "after-tape"
EXPECT = {"gru kernel": "none", "gru recurrent": "none", "gru bias": "none", "up kernel": "none", "up bias": "none"}


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(31)
    gru, up, judge = keras.layers.GRU(4, return_sequences=True), keras.layers.Dense(2), keras.layers.LSTM(1)
    noise = tf.random.normal((3, 5, 2))
    judge(up(gru(noise)))

    def step(noise):
        with Tape() as tape:
            fake = up(gru(noise))
        score = judge(fake)  # <-- cut
        loss = tf.reduce_mean((score - 1.0) ** 2)  # <-- also
        return tape.gradient(loss, gru.trainable_variables + up.trainable_variables)

    step = tf.function(step) if COMPILED else step
    return dict(zip(EXPECT, step(noise), strict=True))


if __name__ == "__main__":
    run()
