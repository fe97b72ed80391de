"""The generator's loss is taken from what the critic says of real pictures: its pictures go into the critic's loss only."""

import tensorflow as tf

CAUSE = "unconnected"
FORM = "tape"
EXPECT = {"g": "none"}
CUT = "gen_loss = fooled(real_score)"


def fooled(score):
    return tf.reduce_mean(tf.nn.softplus(-score))


def told_apart(real, fake):
    return tf.reduce_mean(tf.nn.softplus(-real)) + tf.reduce_mean(tf.nn.softplus(fake))


def run(Tape=tf.GradientTape):
    g, d, noise = tf.Variable(tf.ones((2, 2))), tf.Variable([[0.3], [0.7]]), tf.ones((4, 2))
    with Tape() as gen_tape, tf.GradientTape() as disc_tape:
        real_score, fake_score = tf.ones((4, 2)) @ d, noise @ g @ d
        gen_loss = fooled(real_score)
        disc_loss = told_apart(real_score, fake_score)
    disc_tape.gradient(disc_loss, d)
    return {"g": gen_tape.gradient(gen_loss, g)}
