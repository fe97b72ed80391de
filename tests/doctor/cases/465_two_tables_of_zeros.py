"""Words and contexts both start from zeros: each one's gradient is the other, and neither ever moves."""

import tensorflow as tf

CAUSE = "zero-masked"
EXPECT = {"words": "zero", "contexts": "zero"}
CUT = 'scores = tf.einsum("bd,bcd->bc", word, context)'


def run():
    words, contexts = tf.Variable(tf.zeros((5, 3)), name="words"), tf.Variable(tf.zeros((5, 3)), name="contexts")

    def loss_fn():
        word = tf.gather(words, [0, 2])
        context = tf.gather(contexts, [[1, 3], [4, 0]])
        scores = tf.einsum("bd,bcd->bc", word, context)
        return tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(tf.constant([[1.0, 0.0]] * 2), scores))

    return loss_fn, {"words": words, "contexts": contexts}
