"""A notebook: classes in one cell, the forward pass in the next, loss and tape in the third."""

import tensorflow as tf

ORIGIN = "notebooks that are grown cell by cell"
WAYS = ("cells",)
CAUSE = "before-tape"
EXPECT = {"kernel": "none", "recurrent": "none", "bias": "none"}
SAYS = ("cell [2], line 1",)
CELLS = (
    """
import keras
import tensorflow as tf
keras.utils.set_random_seed(119)

class Tagger(keras.Model):
    def __init__(self):
        super().__init__()
        self.gru = keras.layers.GRU(3)

    def call(self, x):
        return self.gru(x)

tagger, x = Tagger(), tf.random.normal((4, 5, 2))
""",
    """
features = tagger(x)  # <-- cut
""",
    """
with tf.GradientTape() as tape:
    loss = tf.reduce_mean(tf.tanh(features) ** 2)
grads = tape.gradient(loss, tagger.trainable_variables)
""",
)


def run(Tape=tf.GradientTape):
    space = {"Tape": Tape}
    for cell in CELLS:
        exec(compile(cell, "cell", "exec"), space)
    return dict(zip(EXPECT, space["grads"], strict=True))
