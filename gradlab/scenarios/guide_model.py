"""A `tf.keras.Model` with plain variables: it computes, it has a loss, and under Keras 3 it never trains."""

import tensorflow as tf

from gradlab.lab.reading import Kind
from gradlab.lab.scenario import Scenario


def setup(examples: int = 32):
    tf.keras.utils.set_random_seed(0)
    x = tf.random.normal((examples, 1))
    return {"x": x, "y": 3 * x + 2, "made": {}}


def run(bug, x, y, made):
    class Line(tf.keras.Model):
        def __init__(self):
            super().__init__()
            if bug:  # <-- the switch
                self.slope, self.offset = tf.Variable(5.0), tf.Variable(0.5)
            else:
                self.slope = self.add_weight(shape=(), initializer=tf.constant_initializer(5.0), name="slope")
                self.offset = self.add_weight(shape=(), initializer=tf.constant_initializer(0.5), name="offset")

        def call(self, x):
            return self.slope * x + self.offset

    if not made:
        made["model"] = Line()  # once: training goes on with the same model
    model = made["model"]
    names = {id(model.slope): "slope", id(model.offset): "offset"}
    sources = {names[id(v)]: v for v in model.trainable_variables}
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((model(x) - y) ** 2)
    return loss, sources, tape.gradient(loss, sources), tape.watched_variables()


scenario = Scenario(
    title="Put plain variables on a Keras model",
    claims=("V1",),
    claim="Variables that are set on a tf.keras.Model are its trainable variables.",
    switch=("weights from add_weight", "plain tf.Variable attributes"),
    setup=setup,
    run=run,
    predicts={"slope": Kind.OK, "offset": Kind.OK},
    breaks={3: {"slope": Kind.MISSING, "offset": Kind.MISSING}, 2: {}},
    verdict={3: "refuted", 2: "confirmed"},
    why=(
        "Under Keras 3 a model lists Keras's own variables only, those of `add_weight` and of layers. A plain "
        "tf.Variable is left out. The tape still watches it (see the line below), so a gradient can be asked for. But "
        "`fit` and nearly every training loop go through `trainable_variables`, and train nothing. Legacy Keras lists "
        "both."
    ),
    hint="Compare the list of variables with what the tape watched. How does Keras make a weight of its own?",
    knobs={"examples": (8, 64)},
)
