"""Weights made by add_weight are tracked wherever they are made: in __init__ or in build."""

import tensorflow as tf

from gradlab.lab.reading import Kind
from gradlab.lab.scenario import Scenario


def setup(units: int = 4):
    class InBuild(tf.keras.layers.Layer):
        def build(self, shape):
            self.w = self.add_weight(shape=(shape[-1], units), initializer="glorot_uniform", name="w")
            self.b = self.add_weight(shape=(units,), initializer="zeros", name="b")

        def call(self, x):
            return tf.tanh(x @ self.w + self.b)

    class InInit(InBuild):
        def __init__(self):
            super().__init__()
            InBuild.build(self, (1, 3))

        def build(self, shape):
            pass

    tf.keras.utils.set_random_seed(0)
    layers = []
    for kind in (InBuild, InInit):
        layers.append(kind())
        layers[-1](tf.zeros((1, 3)))
    layers[1].w.assign(layers[0].w)
    return {"in_build": layers[0], "in_init": layers[1], "x": tf.random.normal((2, 3))}


def run(bug, in_build, in_init, x):
    layer = in_init if bug else in_build  # <-- the switch
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((layer(x) - 1) ** 2)
    sources = dict(zip(("w", "b"), layer.trainable_variables))
    return loss, sources, tape.gradient(loss, sources), tape.watched_variables()


scenario = Scenario(
    title="Make weights in __init__ or in build",
    claims=("V1",),
    claim="Weights made in __init__ instead of build are not tracked by the layer.",
    switch=("add_weight in build", "add_weight in __init__"),
    setup=setup,
    run=run,
    predicts={"w": Kind.MISSING, "b": Kind.MISSING},
    breaks={},
    verdict="refuted",
    why=(
        "add_weight registers what it makes with the layer, at whatever time it is called. `build` only has the advantage of "
        "knowing the shape of the input."
    ),
    doubted="A layer also keeps track of weights that are made in `__init__` in place of `build`.",
    hint="Nothing is broken here. Compare the lists of the two positions.",
    knobs={"units": (1, 12)},
    rate=0.5,
)
