"""An encoder that ran before the tape opened is, for the tape, two constants."""

import tensorflow as tf

from gradlab.lab.reading import Kind
from gradlab.lab.scenario import Scenario


def setup(steps: int = 4, units: int = 4):
    tf.keras.utils.set_random_seed(0)
    encoder = tf.keras.layers.LSTM(units, return_state=True)
    decoder = tf.keras.layers.LSTM(units, return_sequences=True)
    x, y = tf.random.normal((2, steps, 3)), tf.random.normal((2, steps, units))
    decoder(y, initial_state=encoder(x)[1:])  # the first call makes the weights
    return {"encoder": encoder, "decoder": decoder, "x": x, "y": y}


def run(bug, encoder, decoder, x, y):
    names = ("kernel", "recurrent_kernel", "bias")
    sources = {f"encoder {name}": w for name, w in zip(names, encoder.weights)}
    sources |= {f"decoder {name}": w for name, w in zip(names, decoder.weights)}
    early = encoder(x)
    with tf.GradientTape() as tape:
        _, h, c = early if bug else encoder(x)  # <-- the switch
        guess = decoder(y, initial_state=[h, c])
        loss = tf.reduce_mean((guess - tf.reverse(y, [1])) ** 2)
    return loss, sources, tape.gradient(loss, sources)


ENCODER_NONE = {f"encoder {name}": Kind.NONE for name in ("kernel", "recurrent_kernel", "bias")}

scenario = Scenario(
    title="Run the encoder before the tape opens",
    claims=("E5",),
    claim="An encoder that ran before the tape opened gets no gradients, though the decoder uses its state.",
    switch=("run the encoder inside the tape", "run the encoder before the tape"),
    setup=setup,
    run=run,
    predicts=ENCODER_NONE,
    breaks=ENCODER_NONE,
    verdict="confirmed",
    why=(
        "A tape records what happens while it is open. The encoder's state was computed before that, so for the tape "
        "it is two constants. The values and the loss are the same, and no path leads to the encoder."
    ),
    hint="Which computations are inside the `with` block, and which before it?",
    knobs={"steps": (1, 8), "units": (1, 12)},
    scale=(1e-7, 1e1),
)
