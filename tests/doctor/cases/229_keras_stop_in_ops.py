"""keras.ops.stop_gradient on the teacher's logits; the teacher is asked for."""

import keras
import tensorflow as tf

CAUSE = "stop-gradient"
EXPECT = {"teacher": "none", "student": "ok"}
CUT = "soft = keras.ops.stop_gradient(keras.ops.softmax(teacher(x)))"


def run():
    keras.utils.set_random_seed(0)
    teacher, student, x = keras.layers.Dense(3), keras.layers.Dense(3), tf.random.normal((4, 2))
    teacher(x), student(x)

    def loss_fn():
        soft = keras.ops.stop_gradient(keras.ops.softmax(teacher(x)))
        return tf.reduce_mean(keras.losses.categorical_crossentropy(soft, student(x), from_logits=True))

    return loss_fn, {"teacher": teacher.kernel.value, "student": student.kernel.value}
