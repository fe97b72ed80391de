"""A character model with a GRU, trained eagerly, then used to draw text."""

import keras
import tensorflow as tf

TEXT = "the gradient flows where the loss depends on the weight "


def run(Tape):
    letters = sorted(set(TEXT))
    codes = tf.constant([[letters.index(c) for c in TEXT]])
    embed, gru, out = (
        keras.layers.Embedding(len(letters), 8),
        keras.layers.GRU(12, return_sequences=True, return_state=True),
        keras.layers.Dense(len(letters)),
    )
    optimizer, losses = keras.optimizers.Adam(0.01), []
    for _ in range(3):
        with Tape() as tape:
            hidden, _state = gru(embed(codes[:, :-1]))
            loss = tf.reduce_mean(
                tf.nn.sparse_softmax_cross_entropy_with_logits(labels=codes[:, 1:], logits=out(hidden))
            )
        weights = [*embed.trainable_variables, *gru.trainable_variables, *out.trainable_variables]
        optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
        losses.append(loss)
    letter, state = codes[:, :1], None
    for _ in range(5):
        hidden, state = gru(embed(letter), initial_state=state)
        letter = tf.cast(tf.random.categorical(out(hidden)[:, -1], 1), tf.int32)
        losses.append(tf.cast(letter, tf.float32))
    return losses, weights
