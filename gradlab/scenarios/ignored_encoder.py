"""A decoder that never receives the encoder's state leaves the encoder without a gradient."""

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
    with tf.GradientTape() as tape:
        _, h, c = encoder(x)
        start = None if bug else [h, c]  # <-- the switch
        guess = decoder(y, initial_state=start)
        loss = tf.reduce_mean((guess - tf.reverse(y, [1])) ** 2)
    return loss, sources, tape.gradient(loss, sources)


ENCODER_NONE = {f"encoder {name}": Kind.NONE for name in ("kernel", "recurrent_kernel", "bias")}

scenario = Scenario(
    title="Leave the decoder without the encoder's state",
    claims=("E4",),
    claim="The encoder's variables get no gradients, if the decoder does not start from the encoder's state.",
    switch=("start the decoder from the encoder's state", "start the decoder from zeros"),
    setup=setup,
    run=run,
    predicts=ENCODER_NONE,
    breaks=ENCODER_NONE,
    verdict="confirmed",
    why=(
        "The initial state is the only path from the encoder to the loss. Without it the encoder still runs, its "
        "output has a shape and values, and there is no exception. But no path leads back to it."
    ),
    hint="Go from the loss backwards. Which tensor connects the decoder to the encoder?",
    knobs={"steps": (1, 8), "units": (1, 12)},
    scale=(1e-7, 1e1),
)
