"""Healthy: a GRU and a head under MirroredStrategy over two logical CPUs, with an optimizer."""

import keras
import tensorflow as tf

ORIGIN = "the custom training tutorial of tf.distribute"
WEEKLY = True
WAYS = ("tape", "command")
ALONE = True
COMPILED = True
CAUSE = None
EXPECT = {f"w{i}": "ok" for i in range(5)}


def run(Tape=tf.GradientTape):
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    strategy = tf.distribute.MirroredStrategy([d.name for d in tf.config.list_logical_devices("CPU")])
    with strategy.scope():
        keras.utils.set_random_seed(114)
        net = keras.Sequential([keras.Input((4, 2)), keras.layers.GRU(3), keras.layers.Dense(1)])
    weights = net.trainable_variables

    def replica_step(x):
        with Tape() as tape:
            loss = tf.reduce_mean(net(x) ** 2) / 2.0
        return tape.gradient(loss, weights)

    def step(x):
        return strategy.run(replica_step, args=(x,))

    step = tf.function(step) if COMPILED else step
    grads = step(tf.random.normal((6, 4, 2)))
    return {n: strategy.experimental_local_results(g)[0] for n, g in zip(EXPECT, grads, strict=True)}


if __name__ == "__main__":
    run()
