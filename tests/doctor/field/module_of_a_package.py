"""A package with relative imports is run by `gradlab explain -m`; the cut is in another module of it."""

import tensorflow as tf
from package_that_rounds import layers, train

ORIGIN = "projects that are run by python -m"
WAYS = ("command",)
MODULE = "package_that_rounds.train"
CUT_FILE = layers.__file__
CAUSE = "no-gradient-op"
EXPECT = {"kernel": "none", "recurrent": "none", "bias": "none"}


def run(Tape=tf.GradientTape):
    return dict(zip(EXPECT, train.run(Tape), strict=True))
