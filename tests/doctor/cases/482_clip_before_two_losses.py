"""Grey values are clipped to a range that none of them is in: two losses further on each find nothing to do."""

import tensorflow as tf

CAUSE = "zero-saturated"
EXPECT = {"picture": "zero"}
CUT = "light = tf.clip_by_value(picture * 4.0, -2.0, 0.0)"


def run():
    picture, other = tf.Variable([[0.2, 0.9], [0.4, 0.6]]), tf.constant([[0.5, 0.1], [0.7, 0.3]])
    kernel = tf.constant([[0.3, 0.8, -0.2], [0.9, -0.4, 0.5]])

    def features(picture):
        light = tf.clip_by_value(picture * 4.0, -2.0, 0.0)
        first = tf.nn.relu((light + 1.0) @ kernel)
        return first, tf.nn.sigmoid(first[:, :2])

    aim, look = features(other)[1], features(other)[0]

    def loss_fn():
        first, second = features(picture)
        return tf.reduce_mean((first - look) ** 2) + 3.0 * tf.reduce_mean((second - aim) ** 2)

    return loss_fn, {"picture": picture}
