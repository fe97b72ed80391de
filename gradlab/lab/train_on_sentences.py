"""Train a network on the sentences of `agreement` until it has learned them: one function, `train`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from gradlab.lab.agreement import sentences

MOST = 500  # steps: about four times as many as the slower of the two networks of the notebook needs
EVERY = 25  # steps from one look at the new sentences to the next
BATCH, BATCHES = 64, 62  # about 4000 sentences, which are used again and again
ENOUGH, TIMES = 0.97, 3  # share of right answers, and in how many looks in a row


def train(
    table: Any,
    network: Any,
    tokens: np.ndarray,
    answers: np.ndarray,
    on_look: Callable[[int, str], object] = lambda *_: None,
) -> int:
    """Train table and network with Adam until 97 % of `tokens` get their answer in three looks in a row.

    `table` maps tokens (B, T) to rows (B, T, size), `network` rows to a logit (B, 1); both are Keras layers or models.
    `on_look(step, words)` is called every 25 steps. Returns the number of steps, at most 500.
    """
    variables = table.trainable_variables + network.trainable_variables
    optimizer = tf.keras.optimizers.Adam(0.005, global_clipnorm=0.1)
    optimizer.build(variables)

    @tf.function
    def step(words: Any, wanted: Any) -> None:
        with tf.GradientTape() as tape:
            losses = tf.nn.sigmoid_cross_entropy_with_logits(wanted, network(table(words)))
            loss = tf.reduce_mean(losses)
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))

    words, wanted, _ = sentences(BATCH * BATCHES, seed=0)
    good = 0
    for number in range(1, MOST + 1):
        first = BATCH * (number % BATCHES)
        step(tf.constant(words[first : first + BATCH]), tf.constant(wanted[first : first + BATCH]))
        if number % EVERY == 0:
            share = float(np.mean((np.asarray(network(table(tokens))) > 0) == (answers > 0)))
            on_look(number, f"{share:.0%} right")
            good = good + 1 if share >= ENOUGH else 0
            if good == TIMES:
                return number
    return MOST
