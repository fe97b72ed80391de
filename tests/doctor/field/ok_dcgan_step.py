"""Healthy: the step of a GAN with two tapes around one forward pass."""

import keras
import tensorflow as tf

ORIGIN = "the DCGAN tutorial of TensorFlow"
LAST = 2
WAYS = ("tape", "command")
COMPILED = True
CAUSE = None
EXPECT = {"gen kernel": "ok", "gen bias": "ok", "judge kernel": "ok", "judge bias": "ok"}


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(45)
    generator, judge = keras.layers.Dense(3, "tanh"), keras.layers.Dense(1)
    bce = keras.losses.BinaryCrossentropy(from_logits=True)
    noise, real = tf.random.normal((6, 2)), tf.random.normal((6, 3))
    judge(generator(noise))

    def step(noise, real):
        with Tape() as gen_tape, Tape() as judge_tape:
            fake = generator(noise)
            on_real, on_fake = judge(real), judge(fake)
            gen_loss = bce(tf.ones_like(on_fake), on_fake)
            judge_loss = bce(tf.ones_like(on_real), on_real) + bce(tf.zeros_like(on_fake), on_fake)
        gen = gen_tape.gradient(gen_loss, generator.trainable_variables)
        return [*gen, *judge_tape.gradient(judge_loss, judge.trainable_variables)]

    step = tf.function(step) if COMPILED else step
    return dict(zip(EXPECT, step(noise, real), strict=True))


if __name__ == "__main__":
    run()
