"""What is said of variables that no optimizer gets, and of a layer whose gradient is zero at every step."""

import keras
import numpy as np
import tensorflow as tf
from trainings import ALL

from gradlab.watch import Watch
from gradlab.watch.ask import left_out


def test_unseen_names_the_variables_and_the_line_and_not_the_data():
    model, x, y, fit = ALL["own_step_without_nones"]()
    watch = Watch(view=None)
    model.fit(x, y, **fit, callbacks=[watch])
    (alarm,) = watch.record.alarms
    said = repr(alarm.report)
    assert alarm.rule == "unseen" and all(name in said for name in alarm.variables)
    assert "hands these variables to no optimizer" in said
    assert "trainings.py" in said and "> self.optimizer.apply_gradients(" in said
    assert "learning rate" not in repr(watch)


def test_a_step_without_source_says_that_the_line_is_not_known():
    names = {"keras": keras}
    exec("class Typed(keras.Model):\n    def train_step(self, data):\n        return {}", names)
    assert "the line is not known" in left_out(names["Typed"](), ("a/kernel",))


def test_zero_names_the_layer():
    keras.utils.set_random_seed(0)
    bias = keras.initializers.Constant(-100.0)
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(3),
            keras.layers.Dense(8, "relu", bias_initializer=bias, name="first"),
            keras.layers.Dense(1),
        ]
    )
    model.compile("sgd", "mse", run_eagerly=True)
    watch = Watch(view=None)
    model.fit(np.ones((48, 4), "float32"), tf.ones((48, 1)), batch_size=4, epochs=1, verbose=0, callbacks=[watch])
    alarm = next(a for a in watch.record.alarms if a.rule == "zero")
    assert "last layer with a zero gradient, in the model's order: first (Dense, activation relu)" in repr(alarm.report)


class Gate:
    """A helper that Keras does not search."""

    def __init__(self):
        self.dense = keras.layers.Dense(8, "sigmoid", name="gate")

    def __call__(self, x):
        return x * self.dense(x)


class Gated(keras.Model):
    def __init__(self):
        super().__init__()
        self.first, self.gate, self.last = keras.layers.Dense(8, "tanh"), Gate(), keras.layers.Dense(1)

    def call(self, x):
        return self.last(self.gate(self.first(x)))


def test_a_layer_that_the_model_does_not_list_is_told_with_its_line():
    for eager in (False, True):
        model = Gated()
        model.compile("sgd", "mse", metrics=["mae"], run_eagerly=eager)
        watch = Watch(view=None)
        model.fit(np.ones((8, 4), "float32"), np.ones((8, 1), "float32"), batch_size=4, verbose=0, callbacks=[watch])
        (alarm,) = watch.record.alarms
        assert alarm.rule == "unseen" and len(alarm.variables) == 2
        assert 'name="gate"' in repr(alarm.report)


def test_a_network_of_another_that_a_loss_calls_is_not_told():
    judge = keras.Sequential([keras.Input((1,)), keras.layers.Dense(2, "tanh")])
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile("sgd", lambda y, said: tf.reduce_mean((judge(y) - judge(said)) ** 2))
    watch = Watch(view=None)
    model.fit(np.ones((8, 4), "float32"), np.ones((8, 1), "float32"), batch_size=4, verbose=0, callbacks=[watch])
    assert not watch.record.alarms
