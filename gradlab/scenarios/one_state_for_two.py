"""An LSTM carries two states; a decoder that is handed one can't start."""

import tensorflow as tf

from gradlab.lab.reading import Kind
from gradlab.lab.scenario import Scenario


def setup(steps: int = 4, units: int = 4):
    tf.keras.utils.set_random_seed(0)
    encoder = tf.keras.layers.LSTM(units, return_state=True)
    decoder = tf.keras.layers.LSTM(units, return_sequences=True)
    x, y = tf.random.normal((2, steps, 3)), tf.random.normal((2, steps, units))
    return {"encoder": encoder, "decoder": decoder, "x": x, "y": y}


def run(bug, encoder, decoder, x, y):
    read, written = tf.keras.Input((None, 3)), tf.keras.Input((None, decoder.units))
    encoded, h, c = encoder(read)
    start = [encoded] if bug else [h, c]  # <-- the switch
    decoded = decoder(written, initial_state=start)
    model = tf.keras.Model([read, written], decoded)
    with tf.GradientTape() as tape:
        guess = model([x, y])
        loss = tf.reduce_mean((guess - tf.reverse(y, [1])) ** 2)
    names = ("kernel", "recurrent_kernel", "bias")
    sources = {f"encoder {name}": w for name, w in zip(names, encoder.weights)}
    sources |= {f"decoder {name}": w for name, w in zip(names, decoder.weights)}
    return loss, sources, tape.gradient(loss, sources)


ALL = [f"{part} {name}" for part in ("encoder", "decoder") for name in ("kernel", "recurrent_kernel", "bias")]

scenario = Scenario(
    title="Start an LSTM decoder from one state",
    claims=("E2",),
    claim="An LSTM decoder can start from the encoder's output: initial_state=[encoded].",
    switch=("start from the encoder's two states, [h, c]", "start from the encoder's output, [encoded]"),
    setup=setup,
    run=run,
    predicts={name: Kind.OK for name in ALL},
    breaks={name: Kind.RAISES for name in ALL},
    verdict="refuted",
    why=(
        "An LSTM carries a hidden state h and a cell state c, so its initial state is a list of two. Legacy Keras "
        "counts the entries when the model is built. Keras 3 builds it without counting, and raises an exception at "
        "the first call with data."
    ),
    hint="What does the encoder return with return_state=True, and how many of these does an LSTM decoder start from?",
    knobs={"steps": (1, 8), "units": (1, 12)},
    scale=(1e-7, 1e1),
)
