"""GAN with two tapes one after the other: the generator's gradient is asked from the tape that opened after it ran."""

import keras
import tensorflow as tf

ORIGIN = "tensorflow/tensorflow#31919; tensorflow/tensorflow#31265"
WAYS = ("tape",)
COMPILED = True
CAUSE = "before-tape"
EXPECT = {"kernel": "none", "bias": "none"}


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(32)
    generator, judge = keras.layers.Dense(3), keras.layers.Dense(1)
    noise, real = tf.random.normal((4, 2)), tf.random.normal((4, 3))
    judge(generator(noise))

    def step(noise, real):
        with Tape() as gen_tape:
            fake = generator(noise)  # <-- cut
            gen_tape.watch(fake)
        with Tape(persistent=True) as judge_tape:
            on_fake, on_real = judge(fake), judge(real)
            judge_loss = tf.reduce_mean(tf.nn.softplus(on_fake) + tf.nn.softplus(-on_real))
            gen_loss = tf.reduce_mean(tf.nn.softplus(-on_fake))
        judge_tape.gradient(judge_loss, judge.trainable_variables)
        return judge_tape.gradient(gen_loss, generator.trainable_variables)

    step = tf.function(step) if COMPILED else step
    return dict(zip(EXPECT, step(noise, real), strict=True))


if __name__ == "__main__":
    run()
