"""Settings that every test shares."""

import os

from gradlab.quiet import settle, silenced

os.environ["GRADLAB_STRICT"] = "1"  # an exception in a panel is raised as well as shown
settle()
with silenced():
    import tensorflow as tf

    tf.constant(0.0) + 1.0
