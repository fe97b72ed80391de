"""A raw tf.Variable on a Keras 3 layer is in no list, wherever it is made; legacy Keras tracks it."""

import tensorflow as tf

from gradlab.lab.reading import Kind
from gradlab.lab.scenario import Scenario


def setup(where: str = "__init__", units: int = 4):
    class Tracked(tf.keras.layers.Layer):
        def __init__(self):
            super().__init__()
            if where == "__init__":
                self.make()

        def build(self, shape):
            if where == "build":
                self.make()

        def make(self):
            self.w = self.add_weight(shape=(3, units), initializer="glorot_uniform", name="w")

        def call(self, x):
            return tf.tanh(x @ self.w)

    class Raw(Tracked):
        def make(self):
            self.w = tf.Variable(tf.random.normal((3, units)), name="w")

    tf.keras.utils.set_random_seed(0)
    tracked, raw = Tracked(), Raw()
    tracked(tf.zeros((1, 3)))
    raw(tf.zeros((1, 3)))
    raw.w.assign(tracked.w)
    return {"tracked": tracked, "raw": raw, "x": tf.random.normal((2, 3))}


def run(bug, tracked, raw, x):
    layer = raw if bug else tracked  # <-- the switch
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((layer(x) - 1) ** 2)
    sources = dict(zip(("w",), layer.trainable_variables))
    return loss, sources, tape.gradient(loss, sources), tape.watched_variables()


scenario = Scenario(
    title="Use a raw tf.Variable as a layer's weight",
    claims=("V1",),
    claim="A tf.Variable that a layer makes in __init__ instead of build is not tracked by the layer.",
    switch=("self.add_weight(...)", "tf.Variable(...)"),
    setup=setup,
    run=run,
    predicts={"w": Kind.MISSING},
    breaks={3: {"w": Kind.MISSING}, 2: {}},
    verdict={3: "confirmed", 2: "refuted"},
    why=(
        "Keras 3 works on several backends and tracks its own kind of variable only. A raw tf.Variable is an ordinary "
        "attribute for it, made in __init__ or in build. Legacy Keras tracks every tf.Variable. The tape watches the "
        "variable in both cases, so a gradient can be asked for. It is the list that is empty."
    ),
    hint="The place does not matter. Which kind of variable does this Keras keep in its list?",
    knobs={"where": ("__init__", "build"), "units": (1, 12)},
    predicts_at={"where": {"build": {"w": Kind.OK}}},  # "instead of build" says that there it is tracked
    rate=0.5,
)
