"""Gradients that are not "d loss / d source" of the scenario's own loss: what they are gradients of, said here again.

Keyed by (scenario, source). Each function gets what `setup` made, the run's sources and a value for the source,
and returns the number.
"""

import tensorflow as tf


def _dense(things, kernel, bias):
    return tf.reduce_mean((things["x"] @ kernel + bias - 1) ** 2)


def _states(things, x):
    h = c = tf.zeros((x.shape[0], things["lstm"].units), x.dtype)
    for t in range(x.shape[1]):
        _, [h, c] = things["lstm"].cell(x[:, t], [h, c])
    return h, c


SPECIAL = {
    ("tape_used_twice", "d h_T / d x"): lambda things, sources, x: tf.reduce_sum(_states(things, x)[0]),
    ("tape_used_twice", "d c_T / d x"): lambda things, sources, x: tf.reduce_sum(_states(things, x)[1]),
    ("slice_after_loss", "last state"): lambda things, sources, h: tf.reduce_mean((h - 1) ** 2),
    # These two are made anew at every call, so nothing that the test moves would be used again.
    ("layer_in_call", "watched kernel"): lambda things, sources, w: _dense(things, w, sources["watched bias"]),
    ("layer_in_call", "watched bias"): lambda things, sources, b: _dense(things, sources["watched kernel"], b),
}

# With the switch on, these take gradients that are not the derivative of what they compute, and say so: they must be
# contradicted by finite differences although they read "ok", which for them means "the same as with the switch off".
SURROGATES = {"straight_through"}
