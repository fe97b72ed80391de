"""WGAN critic: the last bias is added to the score of the real and of the fake; the difference doesn't depend on it."""

import keras
import tensorflow as tf

ORIGIN = "the WGAN example of Keras; LynnHo/DCGAN-LSGAN-WGAN-GP-DRAGAN-Tensorflow-2#15"
WAYS = ("tape",)
COMPILED = True
CAUSE = "zero-cancel"
EXPECT = {"hidden kernel": "ok", "hidden bias": "ok", "last kernel": "ok", "last bias": "zero"}
BY_DESIGN = True


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(41)
    hidden, last = keras.layers.Dense(4, "tanh"), keras.layers.Dense(1)
    real, fake = tf.random.normal((8, 3)), tf.random.normal((8, 3))
    last(hidden(real))

    def step(real, fake):
        with Tape() as tape:
            on_real = tf.reduce_mean(last(hidden(real)))
            on_fake = tf.reduce_mean(last(hidden(fake)))
            loss = on_fake - on_real  # <-- cut
        return tape.gradient(loss, hidden.trainable_variables + last.trainable_variables)

    step = tf.function(step) if COMPILED else step
    return dict(zip(EXPECT, step(real, fake), strict=True))


if __name__ == "__main__":
    run()
