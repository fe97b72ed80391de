"""A target network gets its weights by get_weights/set_weights inside the loss."""

import keras
import tensorflow as tf

CAUSE = "state-assign"
EXPECT = {"online": "none", "head": "ok"}
CUT = "target.set_weights(online.get_weights())"


def run():
    keras.utils.set_random_seed(0)
    online, target = keras.layers.Dense(3), keras.layers.Dense(3)
    head, x = tf.Variable([1.0, -2.0, 0.5]), tf.random.normal((4, 2))
    online(x), target(x)

    def loss_fn():
        target.set_weights(online.get_weights())
        return tf.reduce_sum((target(x) * head) ** 2)

    return loss_fn, {"online": online.kernel.value, "head": head}
