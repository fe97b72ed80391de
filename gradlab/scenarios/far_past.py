"""Cut the first half of a sequence off the path: a network whose gradients vanish doesn't notice."""

import numpy as np
import tensorflow as tf

from gradlab.lab.reading import Kind
from gradlab.lab.scenario import Scenario


def setup(steps: int = 20, radius: float = 0.5, forget_bias: float = 2.0):
    tf.keras.utils.set_random_seed(0)
    rnn, lstm = tf.keras.layers.SimpleRNNCell(6), tf.keras.layers.LSTMCell(6)
    for cell, gates in ((rnn, 1), (lstm, 4)):
        cell.build((1, 3))
        blocks = np.split(np.asarray(cell.recurrent_kernel), gates, axis=1)  # one square matrix for each gate
        blocks = [radius * block / np.abs(np.linalg.eigvals(block)).max() for block in blocks]
        cell.recurrent_kernel.assign(np.concatenate(blocks, axis=1))
    lstm.bias.assign(np.repeat([0.0, forget_bias, 0.0, 0.0], 6))  # input gate, forget gate, candidate, output gate
    return {"rnn": rnn, "lstm": lstm, "x": tf.random.normal((1, steps, 3))}


def run(bug, rnn, lstm, x):
    sources = {"SimpleRNN kernel": rnn.kernel, "LSTM kernel": lstm.kernel}
    with tf.GradientTape() as tape:
        losses = []
        for cell, states in ((rnn, 1), (lstm, 2)):
            state = [tf.zeros((1, cell.units))] * states
            for t in range(x.shape[1]):
                if bug and t == x.shape[1] // 2:  # <-- the switch
                    state = [tf.stop_gradient(part) for part in state]
                h, state = cell(x[:, t], state)
                state = tf.nest.flatten(state)
            losses.append(tf.reduce_mean((h - 1) ** 2))
        loss = tf.add_n(losses)
    return loss, sources, tape.gradient(loss, sources)


scenario = Scenario(
    title="Cut the far past off the path",
    claims=("J2",),
    claim="The gradient of the last state reflects the influence of the entire sequence.",
    switch=("keep the path to the first step", "cut it halfway with tf.stop_gradient"),
    setup=setup,
    run=run,
    predicts={"SimpleRNN kernel": Kind.WRONG, "LSTM kernel": Kind.WRONG},
    breaks={"LSTM kernel": Kind.WRONG},
    verdict="half true",
    why=(
        "Each step back multiplies the gradient by the Jacobian of one step. Where these products become small, the "
        "first half of the sequence adds nothing that a finite difference can find, and stopping the gradient there "
        "changes nothing. Whether the entire sequence counts depends on the network, and this knob is one of the "
        "things that decide it."
    ),
    hint="Drag `radius`. From which value on does the SimpleRNN's gradient need the first half?",
    knobs={"steps": (2, 40), "radius": (0.1, 1.5), "forget_bias": (-2.0, 5.0)},
    scale=(1e-12, 1e2),
)
