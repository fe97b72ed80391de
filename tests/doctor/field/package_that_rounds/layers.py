"""The layer of the package: it rounds."""

import tensorflow as tf


def codes(h):
    return tf.math.rint(5.0 * h)  # <-- cut
