"""tf.norm of a difference that is zero for one pair (contrastive loss)."""

import keras
import tensorflow as tf

CAUSE = "nan-sqrt-norm"
EXPECT = {"emb": "not finite"}
CUT = "d = tf.norm(a - b, axis=1)"


def run():
    keras.utils.set_random_seed(4)
    emb = tf.Variable(tf.random.normal((3, 2)))

    def loss_fn():
        a, b = tf.gather(emb, [0, 1]), tf.gather(emb, [0, 2])
        d = tf.norm(a - b, axis=1)
        return tf.reduce_sum(tf.nn.relu(1.0 - d) ** 2)

    return loss_fn, {"emb": emb}
