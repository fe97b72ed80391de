"""The baseline of a policy gradient comes from model.predict and only the critic is asked."""

import keras
import tensorflow as tf

CAUSE = "numpy-conversion"
EXPECT = {"critic": "none", "actor": "ok"}
CUT = "base = critic.predict(obs, verbose=0)"


def run():
    keras.utils.set_random_seed(2)
    critic = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    actor, obs = keras.layers.Dense(2), tf.random.normal((4, 3))
    actor(obs)

    def loss_fn():
        base = critic.predict(obs, verbose=0)
        logp = tf.nn.log_softmax(actor(obs))[:, :1]
        return tf.reduce_mean(logp * (1.0 - base))

    return loss_fn, {"critic": critic.layers[0].kernel.value, "actor": actor.kernel.value}
