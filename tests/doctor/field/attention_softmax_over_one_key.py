"""Additive attention takes its softmax over the axis of length one: every weight is 1, the score has no gradient."""

import keras
import tensorflow as tf

ORIGIN = "the translation-with-attention tutorial, with the wrong axis"
WAYS = ("tape",)
COMPILED = True
CAUSE = "zero-cancel"
EXPECT = {"query": "zero", "key": "zero", "score": "zero"}


class Attend:
    def __init__(self):
        self.query, self.key, self.score = (keras.layers.Dense(n, use_bias=False) for n in (4, 4, 1))

    def __call__(self, state, memory):
        score = self.score(tf.tanh(self.query(state)[:, None] + self.key(memory)))
        log_weight = tf.nn.log_softmax(score, axis=-1)  # <-- cut
        return tf.reduce_sum(tf.exp(log_weight) * memory, 1)


def run(Tape=tf.GradientTape):
    keras.utils.set_random_seed(55)
    encoder, attend = keras.layers.GRU(3, return_sequences=True, return_state=True), Attend()
    x = tf.random.normal((4, 6, 2))
    memory, state = encoder(x)
    attend(state, memory)

    def step(x):
        with Tape() as tape:
            memory, state = encoder(x)
            loss = tf.reduce_mean(attend(state, memory) ** 2)
        return tape.gradient(loss, [attend.query.kernel, attend.key.kernel, attend.score.kernel])

    step = tf.function(step) if COMPILED else step
    return dict(zip(EXPECT, step(x), strict=True))


if __name__ == "__main__":
    run()
