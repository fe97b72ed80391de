"""A bidirectional encoder has four states of its own width; they must be joined and fitted before a decoder takes them."""

import tensorflow as tf

from gradlab.lab.reading import Kind
from gradlab.lab.scenario import Scenario


def setup(steps: int = 4, units: int = 4):
    tf.keras.utils.set_random_seed(0)
    encoder = tf.keras.layers.Bidirectional(tf.keras.layers.LSTM(units, return_state=True))
    join = tf.keras.layers.Concatenate()
    fit_h, fit_c = tf.keras.layers.Dense(units), tf.keras.layers.Dense(units)
    decoder = tf.keras.layers.LSTM(units, return_sequences=True)
    x, y = tf.random.normal((2, steps, 3)), tf.random.normal((2, steps, units))
    return {"encoder": encoder, "join": join, "fit_h": fit_h, "fit_c": fit_c, "decoder": decoder, "x": x, "y": y}


def run(bug, encoder, join, fit_h, fit_c, decoder, x, y):
    read, written = tf.keras.Input((None, 3)), tf.keras.Input((None, decoder.units))
    encoded, forward_h, forward_c, backward_h, backward_c = encoder(read)
    if bug:  # <-- the switch
        start = [encoded, encoded]
    else:
        start = [fit_h(join([forward_h, backward_h])), fit_c(join([forward_c, backward_c]))]
    decoded = decoder(written, initial_state=start)
    model = tf.keras.Model([read, written], decoded)
    with tf.GradientTape() as tape:
        guess = model([x, y])
        loss = tf.reduce_mean((guess - tf.reverse(y, [1])) ** 2)
    sources = {
        "encoder forward": encoder.forward_layer.cell.kernel,
        "encoder backward": encoder.backward_layer.cell.kernel,
    }
    sources |= {"fit_h": fit_h.kernel, "fit_c": fit_c.kernel, "decoder": decoder.cell.kernel}
    return loss, sources, tape.gradient(loss, sources)


ALL = ["encoder forward", "encoder backward", "fit_h", "fit_c", "decoder"]

scenario = Scenario(
    title="Hand a bidirectional encoder straight to the decoder",
    claims=("E3",),
    claim="The output of a bidirectional encoder can be the decoder's initial state: initial_state=[encoded, encoded].",
    switch=("join the states of both directions and fit their width", "hand over the output, twice"),
    setup=setup,
    run=run,
    predicts={name: Kind.OK for name in ALL},
    breaks={name: Kind.RAISES for name in ALL},
    verdict="refuted",
    why=(
        "Bidirectional joins the outputs of both directions, so `encoded` is twice as wide as the decoder's state. Legacy "
        "Keras compares the widths when the model is built; Keras 3 builds it and fails in the first matrix product. And "
        "`encoded` is h alone: the cell states are returned beside it."
    ),
    hint="Print the shapes of what the encoder returns. Which belong together, and which width does the decoder need?",
    knobs={"steps": (1, 8), "units": (1, 12)},
    scale=(1e-6, 1e1),
)
