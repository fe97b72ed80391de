"""The loss runs on a clone of the model that is asked for."""

import keras
import tensorflow as tf

CAUSE = "wrong-source"
EXPECT = {"kernel": "none"}
CUT = "twin = keras.models.clone_model(model)"


def run():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    twin = keras.models.clone_model(model)
    twin.set_weights(model.get_weights())
    x = tf.random.normal((4, 3))

    def loss_fn():
        return tf.reduce_mean(twin(x) ** 2)

    return loss_fn, {"kernel": model.layers[0].kernel.value}
