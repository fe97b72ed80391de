"""A state that leaves TensorFlow between two steps: gradients are there, and they are wrong."""

import tensorflow as tf

from gradlab.lab.reading import Kind
from gradlab.lab.scenario import Scenario


def setup(steps: int = 6, units: int = 4):
    tf.keras.utils.set_random_seed(0)
    cell = tf.keras.layers.LSTMCell(units)
    cell.build((1, 3))
    return {"cell": cell, "x": tf.random.normal((1, steps, 3))}


def run(bug, cell, x):
    sources = {"kernel": cell.kernel, "recurrent_kernel": cell.recurrent_kernel, "bias": cell.bias, "x": x}
    with tf.GradientTape() as tape:
        tape.watch(x)
        h = c = tf.zeros((1, cell.units))
        for t in range(x.shape[1]):
            if bug:  # <-- the switch
                h, c = tf.constant(h.numpy()), tf.constant(c.numpy())
            _, [h, c] = cell(x[:, t], [h, c])
        loss = tf.reduce_mean((h - 1) ** 2)
    return loss, sources, tape.gradient(loss, sources)


ALL_WRONG = {"kernel": Kind.WRONG, "recurrent_kernel": Kind.WRONG, "bias": Kind.WRONG, "x": Kind.WRONG}

scenario = Scenario(
    title="Let the state leave TensorFlow between two steps",
    claims=("L2",),
    claim="If the tape doesn't capture the state, the gradients of the LSTM's weights are None.",
    switch=("pass the state on as it is", "pass it on through .numpy()"),
    setup=setup,
    run=run,
    predicts={"kernel": Kind.NONE, "recurrent_kernel": Kind.NONE, "bias": Kind.NONE},
    breaks=ALL_WRONG,
    verdict="refuted",
    why=(
        "The last step is still recorded, and it uses every weight, so every weight gets a gradient: the share of the "
        "last step alone. Nothing is None and there is no warning. Only a finite difference of the loss shows that it "
        "is wrong."
    ),
    hint="Which line gives the next step a constant? What is the state if you leave that line out?",
    knobs={"steps": (1, 12), "units": (1, 12)},
    scale=(1e-6, 1e1),
)
