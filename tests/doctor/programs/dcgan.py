"""Generator and discriminator of convolutions, two tapes at once in a tf.function, with dropout and batch statistics."""

import keras
import tensorflow as tf


def run(Tape):
    make = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(4 * 4 * 2),
            keras.layers.BatchNormalization(),
            keras.layers.LeakyReLU(),
            keras.layers.Reshape((4, 4, 2)),
            keras.layers.Conv2DTranspose(1, 3, 2, "same", activation="tanh"),
        ]
    )
    judge = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Conv2D(3, 3, 2, "same"),
            keras.layers.LeakyReLU(),
            keras.layers.Dropout(0.3),
            keras.layers.Flatten(),
            keras.layers.Dense(1),
        ]
    )
    loss_of = keras.losses.BinaryCrossentropy(from_logits=True)
    make_steps, judge_steps = keras.optimizers.Adam(1e-3), keras.optimizers.Adam(1e-3)
    make_steps.build(make.trainable_variables)
    judge_steps.build(judge.trainable_variables)
    images = tf.random.normal((4, 8, 8, 1))

    @tf.function
    def step(images):
        noise = tf.random.normal((4, 4))
        with Tape() as first, Tape() as second:
            fake = make(noise, training=True)
            real_said, fake_said = judge(images, training=True), judge(fake, training=True)
            made = loss_of(tf.ones_like(fake_said), fake_said)
            judged = loss_of(tf.ones_like(real_said), real_said) + loss_of(tf.zeros_like(fake_said), fake_said)
        a, b = first.gradient(made, make.trainable_variables), second.gradient(judged, judge.trainable_variables)
        make_steps.apply_gradients(zip(a, make.trainable_variables, strict=True))
        judge_steps.apply_gradients(zip(b, judge.trainable_variables, strict=True))
        return made, judged

    return [v for _ in range(3) for v in step(images)], [*make.variables, *judge.variables]
