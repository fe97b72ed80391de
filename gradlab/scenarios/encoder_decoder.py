"""The gradients of an encoder-decoder are one tensor a variable, by name, like those of any other model."""

import tensorflow as tf

from gradlab.lab.reading import Kind
from gradlab.lab.scenario import Scenario


def setup(steps: int = 4, units: int = 4):
    tf.keras.utils.set_random_seed(0)
    encoder = tf.keras.layers.LSTM(units, return_state=True, name="encoder")
    decoder = tf.keras.layers.LSTM(units, return_sequences=True, name="decoder")
    readout = tf.keras.layers.Dense(3, name="readout")
    read, written = tf.keras.Input((None, 3)), tf.keras.Input((None, 3))
    _, h, c = encoder(read)
    model = tf.keras.Model([read, written], readout(decoder(written, initial_state=[h, c])))
    things = {"model": model, "encoder": encoder, "decoder": decoder, "readout": readout}
    return {**things, "x": tf.random.normal((1, steps, 3)), "y": tf.random.normal((1, steps, 3))}


def run(bug, model, encoder, decoder, readout, x, y):
    def name_of(variable):  # encoder/lstm_cell/kernel -> encoder kernel
        parts = getattr(variable, "path", variable.name).partition(":")[0].split("/")
        return f"{parts[0]} {parts[-1]}"

    variables = encoder.weights + decoder.weights + readout.weights
    with tf.GradientTape() as tape:
        if bug:  # <-- the switch
            guess = model([x, y])
            variables = model.trainable_variables
        else:
            _, h, c = encoder(x)
            guess = readout(decoder(y, initial_state=[h, c]))
        loss = tf.reduce_mean((guess - y) ** 2)
    sources = {name_of(variable): variable for variable in variables}
    return loss, sources, tape.gradient(loss, sources)


LSTM, DENSE = ("kernel", "recurrent_kernel", "bias"), ("kernel", "bias")
PARTS = {"encoder": LSTM, "decoder": LSTM, "readout": DENSE}

scenario = Scenario(
    title="Ask a whole encoder-decoder for its gradients",
    claims=("E1",),
    claim="The gradients of an LSTM encoder-decoder stay inside TensorFlow; they are not exposed one by one.",
    switch=("call encoder, decoder and readout one after the other", "call the finished model and ask for its list"),
    setup=setup,
    run=run,
    predicts={f"{part} {name}": Kind.MISSING for part, names in PARTS.items() for name in names},
    breaks={},
    verdict="refuted",
    why=(
        "`tape.gradient(loss, model.trainable_variables)` returns one tensor for each variable, in the order of the "
        "list, and each variable has its name. They are the tensors that the optimizer uses. Nothing more expensive "
        "is needed."
    ),
    hint="Nothing is broken here. Which of the eight arrays is the largest, and which the smallest?",
    knobs={"steps": (1, 8), "units": (1, 12)},
    scale=(1e-7, 1e1),
)
