"""A layer made inside `call` is hidden from the list; the tape sees its variables all the same."""

import tensorflow as tf

from gradlab.lab.reading import Kind
from gradlab.lab.scenario import Scenario


def setup(units: int = 4):
    def dense():
        return tf.keras.layers.Dense(units, kernel_initializer=tf.keras.initializers.GlorotUniform(seed=1))

    class MadeBefore(tf.keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.dense = dense()

        def call(self, x):
            return self.dense(x)

    class MadeInCall(tf.keras.layers.Layer):
        def call(self, x):
            return dense()(x)

    tf.keras.utils.set_random_seed(0)
    return {"before": MadeBefore(), "in_call": MadeInCall(), "x": tf.random.normal((2, 3))}


def run(bug, before, in_call, x):
    layer = in_call if bug else before  # <-- the switch
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((layer(x) - 1) ** 2)
    sources = dict(zip(("listed kernel", "listed bias"), layer.trainable_variables))
    sources |= dict(zip(("watched kernel", "watched bias"), tape.watched_variables()))
    return loss, sources, tape.gradient(loss, sources), tape.watched_variables()


scenario = Scenario(
    title="Make a layer inside call",
    claims=("V2",),
    claim="Variables that layer tracking does not know of get no gradient.",
    switch=("make the inner layer in __init__", "make the inner layer in call"),
    setup=setup,
    run=run,
    predicts={"watched kernel": Kind.NONE, "watched bias": Kind.NONE},
    breaks={"listed kernel": Kind.MISSING, "listed bias": Kind.MISSING},
    verdict="refuted",
    why=(
        "Tracking and watching are two different things. The tape watches every trainable variable that is read while it is "
        "open; the layer lists what was assigned to it. A layer made inside `call` is not assigned to anything, is not in "
        "the list, and is made anew at every call, so that no training could keep what it learned."
    ),
    hint="Where is the inner layer kept between two calls?",
    knobs={"units": (1, 12)},
    rate=0.3,
)
