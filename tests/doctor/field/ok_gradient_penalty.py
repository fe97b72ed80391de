"""Healthy: WGAN-GP critic step with a second derivative; the penalty is asked under the outer tape."""

import keras
import tensorflow as tf

ORIGIN = "the WGAN-GP example of Keras"
LAST = 3
WAYS = ("tape",)
COMPILED = True
CAUSE = None
EXPECT = {"mixed": "ok", "hidden kernel": "ok", "hidden bias": "ok", "last kernel": "ok"}


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(43)
    hidden, last = keras.layers.Dense(5, "tanh"), keras.layers.Dense(1, use_bias=False)
    real, fake, share = tf.random.normal((6, 3)), tf.random.normal((6, 3)), tf.random.uniform((6, 1))
    last(hidden(real))

    def step(real, fake):
        with Tape() as outer:
            mixed = real + share * (fake - real)
            with Tape() as inner:
                inner.watch(mixed)
                score = last(hidden(mixed))
            slope = inner.gradient(score, mixed)
            penalty = tf.reduce_mean((tf.sqrt(tf.reduce_sum(slope**2, -1) + 1e-8) - 1.0) ** 2)
            distance = tf.reduce_mean(last(hidden(fake))) - tf.reduce_mean(last(hidden(real)))
            loss = distance + 10.0 * penalty
        return [slope, *outer.gradient(loss, hidden.trainable_variables + last.trainable_variables)]

    step = tf.function(step) if COMPILED else step
    return dict(zip(EXPECT, step(real, fake), strict=True))


if __name__ == "__main__":
    run()
