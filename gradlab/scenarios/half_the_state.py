"""A decoder that receives only h of the encoder's state: the encoder still has all its gradients."""

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
        start = [h, tf.zeros_like(c)] if bug else [h, c]  # <-- the switch
        guess = decoder(y, initial_state=start)
        loss = tf.reduce_mean((guess - tf.reverse(y, [1])) ** 2)
    return loss, sources, tape.gradient(loss, sources)


scenario = Scenario(
    title="Hand over one half of the encoder's state",
    claims=("E4",),
    claim="The encoder's variables get no gradients, though the decoder starts from the encoder's state.",
    switch=("hand over h and c", "hand over h, and zeros for c"),
    setup=setup,
    run=run,
    predicts={f"encoder {name}": Kind.NONE for name in ("kernel", "recurrent_kernel", "bias")},
    breaks={},
    verdict="refuted",
    why=(
        "One path is enough. The hidden state h is computed from c at every step of the encoder, so the loss depends on all of "
        "the encoder's weights through h alone. The gradients have other values than with both states, and they are right."
    ),
    hint="Nothing is broken here. Which of the two states is computed from the other at each step?",
    knobs={"steps": (1, 8), "units": (1, 12)},
    scale=(1e-7, 1e1),
)
