"""An encoder and a decoder with attention over the encoder's states, in a tf.function with a masked loss."""

import keras
import tensorflow as tf


def run(Tape):
    embed = keras.layers.Embedding(9, 6)
    encoder = keras.layers.GRU(6, return_sequences=True, return_state=True)
    cell, out, score = keras.layers.GRUCell(6), keras.layers.Dense(9), keras.layers.Dense(6)
    optimizer = keras.optimizers.Adam(0.02)
    source = tf.constant([[1, 2, 3, 4, 0], [5, 6, 7, 0, 0]])
    target = tf.constant([[4, 3, 2, 1], [7, 6, 5, 0]])
    models = (embed, encoder, cell, out, score)

    def loss_of(source, target):
        memory, state = encoder(embed(source))
        total = 0.0
        letter = tf.zeros([2], tf.int32)
        for t in range(4):
            weights = tf.nn.softmax(tf.einsum("bth,bh->bt", score(memory), state))
            context = tf.einsum("bt,bth->bh", weights, memory)
            _, (state,) = cell(tf.concat([embed(letter), context], -1), [state])
            loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=target[:, t], logits=out(state))
            total += tf.reduce_mean(loss * tf.cast(target[:, t] > 0, tf.float32))
            letter = target[:, t]
        return total / 4.0

    loss_of(source, target)
    weights = [v for m in models for v in m.trainable_variables]

    @tf.function
    def step(source, target):
        with Tape() as tape:
            loss = loss_of(source, target)
        slopes, _ = tf.clip_by_global_norm(tape.gradient(loss, weights), 1.0)
        optimizer.apply_gradients(zip(slopes, weights, strict=True))
        return loss

    optimizer.build(weights)
    return [step(source, target) for _ in range(4)], weights
