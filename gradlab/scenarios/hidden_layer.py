"""A layer inside a plain Python object: the tape sees it, the model does not."""

import tensorflow as tf

from gradlab.lab.reading import Kind
from gradlab.lab.scenario import Scenario


def setup(units: int = 4):
    tf.keras.utils.set_random_seed(0)
    return {"x": tf.random.normal((8, 3)), "units": units, "made": {}}


def run(bug, x, units, made):
    class Box:  # an ordinary Python object
        def __init__(self, layer):
            self.layer = layer

    class Reader(tf.keras.Model):
        def __init__(self):
            super().__init__()
            layer = tf.keras.layers.Dense(units, activation="tanh", name="inner")
            self.inner = Box(layer) if bug else layer  # <-- the switch
            self.outer = tf.keras.layers.Dense(1, name="outer")

        def call(self, x):
            inner = getattr(self.inner, "layer", self.inner)
            return self.outer(inner(x))

    if not made:
        made["model"] = Reader()  # once: training goes on with the same model
    model = made["model"]
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((model(x) - 1) ** 2)
    inner = getattr(model.inner, "layer", model.inner)
    everything = {f"{part.name} {w}": getattr(part, w) for part in (inner, model.outer) for w in ("kernel", "bias")}
    listed = {id(v) for v in model.trainable_variables}
    sources = {name: v for name, v in everything.items() if id(v) in listed}
    return loss, sources, tape.gradient(loss, sources), tape.watched_variables()


HIDDEN = ("inner kernel", "inner bias")

scenario = Scenario(
    title="Keep a layer in an object of your own",
    claims=("V2",),
    claim="Variables that are hidden from the model are not seen by the tape, so they get None.",
    switch=("the layer is an attribute of the model", "the layer is inside a plain Python object"),
    setup=setup,
    run=run,
    predicts=dict.fromkeys(HIDDEN, Kind.NONE),
    breaks=dict.fromkeys(HIDDEN, Kind.MISSING),
    verdict="refuted",
    why=(
        "A model finds layers in its attributes, and in lists, tuples and dicts there. It does not look inside "
        "objects of your own classes, functions or dataclasses. The tape does not go by that list: it watches every "
        "trainable variable that is read. So the gradient can be asked for, but the list that you ask with is too "
        "short."
    ),
    hint="Where does the model keep the layer, and does Keras look there?",
    knobs={"units": (1, 8)},
)
