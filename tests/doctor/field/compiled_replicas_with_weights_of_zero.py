"""All sample weights are zero in a compiled replica step."""

import keras
import tensorflow as tf

ORIGIN = "tensorflow.org/tutorials/distribute/custom_training"
WAYS = ("command",)
ALONE = True
COMPILED = True
WEEKLY = True
CAUSE = "zero-masked"
EXPECT = {"kernel": "zero", "recurrent": "zero", "bias": "zero", "head kernel": "zero", "head bias": "zero"}


def run(Tape=tf.GradientTape):
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    strategy = tf.distribute.MirroredStrategy([d.name for d in tf.config.list_logical_devices("CPU")])
    with strategy.scope():
        keras.utils.set_random_seed(414)
        model = keras.Sequential([keras.Input((4, 2)), keras.layers.GRU(3), keras.layers.Dense(1)])
    x, y, weight = tf.random.normal((4, 4, 2)), tf.random.normal((4, 1)), tf.zeros((4,))

    def replica_step(x, y, weight):
        with Tape() as tape:
            errors = keras.ops.mean(keras.ops.square(model(x) - y), -1)
            loss = tf.nn.compute_average_loss(errors, sample_weight=weight, global_batch_size=8)  # <-- cut
        return tape.gradient(loss, model.trainable_variables)

    run_step = (
        tf.function(lambda *a: strategy.run(replica_step, args=a))
        if COMPILED
        else lambda *a: strategy.run(replica_step, args=a)
    )
    grads = run_step(x, y, weight)
    return {n: strategy.experimental_local_results(g)[0] for n, g in zip(EXPECT, grads, strict=True)}


if __name__ == "__main__":
    run()
