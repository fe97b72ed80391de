"""The question of the first notebook: eight lines with an LSTM whose gradients are None, and three answers that people give.

Each function is the whole program with one change, written out, because a learner reads it with its gradients beside it.
"""

import tensorflow as tf

tf.keras.utils.set_random_seed(0)
lstm, readout = tf.keras.layers.LSTM(4), tf.keras.layers.Dense(1)
films, stars = tf.random.stateless_normal((2, 6, 3), seed=(0, 0)), tf.constant([[2.0], [5.0]])
h, c = tf.zeros((2, 4)), tf.zeros((2, 4))
learned_h, learned_c = tf.Variable(h), tf.Variable(c)
readout(lstm(films))  # the first call makes the weights


def as_it_stands():
    with tf.GradientTape() as tape:
        state = lstm(films, initial_state=[h, c])
        guess = tf.round(5 * readout(state))
        loss = tf.reduce_mean((guess - stars) ** 2)
    return tape.gradient(loss, lstm.trainable_variables)


def watch_the_states():
    with tf.GradientTape() as tape:
        tape.watch([h, c])
        state = lstm(films, initial_state=[h, c])
        guess = tf.round(5 * readout(state))
        loss = tf.reduce_mean((guess - stars) ** 2)
    return tape.gradient(loss, lstm.trainable_variables)


def make_them_variables():
    with tf.GradientTape() as tape:
        state = lstm(films, initial_state=[learned_h, learned_c])
        guess = tf.round(5 * readout(state))
        loss = tf.reduce_mean((guess - stars) ** 2)
    return tape.gradient(loss, lstm.trainable_variables)


def make_them_inside():
    with tf.GradientTape() as tape:
        h, c = tf.zeros((2, 4)), tf.zeros((2, 4))
        state = lstm(films, initial_state=[h, c])
        guess = tf.round(5 * readout(state))
        loss = tf.reduce_mean((guess - stars) ** 2)
    return tape.gradient(loss, lstm.trainable_variables)


ANSWERS = {
    "A. Watch h and c: the tape does not see the states of an LSTM unasked.": watch_the_states,
    "B. Make h and c variables: a constant has no gradient, so it stops one.": make_them_variables,
    "C. Make h and c inside the tape: what is made outside is not recorded.": make_them_inside,
}
