"""One update after another of an actor and a critic, in a loop of one's own.

The fault: the critic's value is used for the advantage, where it must not be trained, but its own loss is left out.
"""

import sys

import numpy as np
import tensorflow as tf

import gradlab

keras = tf.keras
MENDED = "--mended" in sys.argv

keras.utils.set_random_seed(0)
body = keras.layers.Dense(16, "tanh", name="body")
actor = keras.layers.Dense(2, name="actor")
critic = keras.layers.Dense(1, name="critic")
for layer, width in ((body, 4), (actor, 16), (critic, 16)):
    layer.build((None, width))
weights = [w for layer in (body, actor, critic) for w in layer.trainable_variables]
optimizer = keras.optimizers.Adam(1e-2)
watch = gradlab.Watch(view="lines")
random = np.random.RandomState(0)


def loss_of(states, actions, returns):
    hidden = body(states)
    value = critic(hidden)[:, 0]
    advantage = tf.stop_gradient(returns - value)
    chosen = tf.reduce_sum(tf.nn.log_softmax(actor(hidden)) * tf.one_hot(actions, 2), -1)
    loss = -tf.reduce_mean(chosen * advantage)
    if MENDED:
        loss += 0.5 * tf.reduce_mean((returns - value) ** 2)
    return loss


for _ in range(20):
    states = tf.constant(random.randn(32, 4).astype("float32"))
    actions = tf.constant(random.randint(0, 2, 32))
    returns = tf.cast(actions, tf.float32) * tf.sign(states[:, 0])
    with tf.GradientTape() as tape:
        loss = loss_of(states, actions, returns)
    gradients = tape.gradient(loss, weights)
    watch.step(gradients, weights, loss, loss_fn=lambda s=states, a=actions, r=returns: loss_of(s, a, r))
    optimizer.apply_gradients([(g, w) for g, w in zip(gradients, weights) if g is not None])
watch.close()
