"""A layer that trains nowhere: the loss uses its variables, and the list that the tape is asked for has them not.

`BROKEN` must be told of in every way in; `HEALTHY` reads variables that its list leaves out on purpose.
"""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from samples import sampled, weekly

import gradlab
from gradlab import Kind
from gradlab.doctor.frontends.call import recorded_tapes, reports

keras = tf.keras
L = keras.layers
X = np.random.RandomState(0).randn(8, 4).astype("float32")
Y = X[:, :1] * 2.0


class Gate:
    """A helper that Keras does not search."""

    def __init__(self):
        self.dense = L.Dense(8, "sigmoid")

    def __call__(self, x):
        return x * self.dense(x)


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.first, self.gate, self.last = L.Dense(8, "tanh"), Gate(), L.Dense(1)

    def call(self, x):
        return self.last(self.gate(self.first(x)))


class OwnStep(Net):
    def train_step(self, data):
        x, y = data[:2]
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((self(x, training=True) - y) ** 2)
        slopes = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(slopes, self.trainable_variables, strict=True))
        return {"loss": loss}


class ByClosure(keras.Model):
    """`call` uses a layer that is no attribute of anything."""

    def __init__(self):
        super().__init__()
        self.last = L.Dense(1)
        scale = L.Dense(4)
        self.run = lambda x: self.last(scale(x))

    def call(self, x):
        return self.run(x)


def fitted(kind, **options):
    def run(function):
        keras.utils.set_random_seed(0)
        net = kind()
        net.compile("sgd", "mse", run_eagerly=function is None, **options)
        net.fit(X, Y, batch_size=4, epochs=1, verbose=0)

    return run


def own_loop(function):
    keras.utils.set_random_seed(0)
    net = Net()

    def step(x, y):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((net(x) - y) ** 2)
        return tape.gradient(loss, net.trainable_variables)

    (function or (lambda f: f))(step)(tf.constant(X), tf.constant(Y))


def list_before_the_head_is_built(function):
    keras.utils.set_random_seed(0)
    body = keras.Sequential([keras.Input((4,)), L.Dense(3, "tanh")])
    head = L.Dense(1)
    scale = tf.Variable(1.0, name="scale")
    params = body.trainable_variables + head.trainable_variables + [scale]

    def step(x, y):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((scale * head(body(x)) - y) ** 2)
        return tape.gradient(loss, params)

    (function or (lambda f: f))(step)(tf.constant(X), tf.constant(Y))


BROKEN = {
    "plain fit": (fitted(Net), 2),
    "own train_step": (fitted(OwnStep), 2),
    "closure": (fitted(ByClosure), 2),
    "own loop": (own_loop, 2),
    "list before the head is built": (list_before_the_head_is_built, 2),
}


def told(run, function):
    with recorded_tapes() as opened:
        run(function)
    return reports(opened, over=True)


WAYS = {"eager": None, "graph": tf.function}


def both_ways(programs, every):
    """Each program in both ways as a parameter (program, way); most are weekly."""
    pairs = [(program, way) for program in programs for way in WAYS]
    return sampled(pairs, every, ids=lambda pair: " in ".join(pair))


@pytest.mark.parametrize("case", both_ways(BROKEN, 5))
def test_what_the_list_lacks_is_a_row(case):
    (run, count), function = BROKEN[case[0]], WAYS[case[1]]
    (report,) = told(run, function)
    rows = [row for row in report.rows if row.status is Kind.MISSING]
    assert len(rows) == count, report
    assert len({row.name for row in report.rows}) == len(report.rows)
    assert all(row.cause == "empty-vars" and row.where and "test_unlisted" in row.where[0].file for row in rows)
    assert "every gradient is there" not in str(report)


def test_the_line_is_the_one_that_keeps_the_layer_out_of_sight():
    (report,) = told(fitted(Net), tf.function)
    assert report.problems[0].where[0].code == 'self.dense = L.Dense(8, "sigmoid")'
    (report,) = told(list_before_the_head_is_built, tf.function)
    assert report.problems[0].where[0].code.startswith("params = ")


@pytest.mark.parametrize("kind", [OwnStep, weekly(Net)])
def test_a_model_with_a_batch_is_told_the_same_and_the_assertion_fails(kind):
    keras.utils.set_random_seed(0)
    net = kind()
    net.compile("sgd", "mse")
    net.fit(X, Y, verbose=0)
    report = gradlab.explain(net, X, Y, level="quick")
    assert [row.status for row in report.rows].count(Kind.MISSING) == 2
    with pytest.raises(AssertionError, match=r"in no list|not in the list"):
        gradlab.assert_gradients(net, X, Y)


# --- healthy ------------------------------------------------------------------------------------------------------------


def two_networks(function):
    """A GAN of layers in plain objects: each call asks for one network, and reads the other."""
    make, judge = keras.Sequential([keras.Input((4,)), L.Dense(4)]), keras.Sequential([keras.Input((4,)), L.Dense(1)])

    def step(z, real):
        with tf.GradientTape(persistent=True) as tape:
            fake = make(z)
            cheat, judged = -tf.reduce_mean(judge(fake)), tf.reduce_mean(judge(fake)) - tf.reduce_mean(judge(real) ** 2)
        return tape.gradient(cheat, make.trainable_variables), tape.gradient(judged, judge.trainable_variables)

    (function or (lambda f: f))(step)(tf.constant(X), tf.constant(X))


def half_of_a_gan(function):
    make, judge = keras.Sequential([keras.Input((4,)), L.Dense(4)]), keras.Sequential([keras.Input((4,)), L.Dense(1)])

    def step(z):
        with tf.GradientTape() as tape:
            loss = -tf.reduce_mean(judge(make(z)))
        return tape.gradient(loss, make.trainable_variables)

    (function or (lambda f: f))(step)(tf.constant(X))


class Agent(keras.Model):
    """A target network beside the one that is trained, without stop_gradient and not frozen."""

    def __init__(self):
        super().__init__()
        self.online, self.target = L.Dense(1), L.Dense(1)

    def call(self, x):
        return self.online(x)

    def train_step(self, data):
        x, y = data[:2]
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((self.online(x) - 0.9 * self.target(x) - y) ** 2)
        slopes = tape.gradient(loss, self.online.trainable_variables)
        self.optimizer.apply_gradients(zip(slopes, self.online.trainable_variables, strict=True))
        self.target.set_weights(self.online.get_weights()) if tf.executing_eagerly() else None
        return {"loss": loss}


class Trainer:
    """Knows all the networks, and each network knows it."""

    def __init__(self):
        self.actor, self.critic = Part(self), Part(self)


class Part(keras.Model):
    def __init__(self, trainer):
        super().__init__()
        self.trainer, self.dense = Holder(trainer), L.Dense(1)

    def call(self, x):
        return self.dense(x)


class Holder:
    def __init__(self, thing):
        self.thing = thing


def networks_that_know_their_trainer(function):
    trainer = Trainer()

    def step(x):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(trainer.actor(x) * trainer.critic(x))
        return tape.gradient(loss, trainer.actor.trainable_variables)

    (function or (lambda f: f))(step)(tf.constant(X))


class Frozen(Net):
    def __init__(self):
        super().__init__()
        self.gate.dense.trainable = False


VGG = keras.Sequential([keras.Input((1,)), L.Dense(2, "tanh")])


def perceptual(y, y_pred):
    return tf.reduce_mean((VGG(y) - VGG(y_pred)) ** 2)


class Plain(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense, self.norm, self.drop = L.Dense(8), L.BatchNormalization(), L.Dropout(0.2)
        self.last = L.Dense(1)

    def call(self, x, training=False):
        return self.last(self.drop(self.norm(self.dense(x), training=training), training=training))


def by_perceptual_loss(function):
    keras.utils.set_random_seed(0)
    net = Plain()
    net.compile("adam", perceptual, metrics=["mae"], run_eagerly=function is None)
    net.fit(X, Y, batch_size=4, epochs=1, verbose=0)


def halves(function):
    net = keras.Sequential([keras.Input((4,)), L.Dense(3), L.Dense(1)])

    def step(x):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(net(x) ** 2)
        return tape.gradient(loss, net.trainable_variables[2:])

    (function or (lambda f: f))(step)(tf.constant(X))


class Tempered(keras.Model):
    """A temperature that the training code lowers by hand."""

    def __init__(self):
        super().__init__()
        self.dense, self.settings = L.Dense(1), Holder(tf.Variable(1.0))

    def call(self, x):
        return self.dense(x) / self.settings.thing

    def lower(self):
        self.settings.thing.assign(0.5)


def tempered(function):
    net = Tempered()
    net.compile("adam", "mse", run_eagerly=function is None)
    net.fit(X, Y, batch_size=4, epochs=1, verbose=0)


HEALTHY = {
    "two networks": two_networks,
    "half of a GAN": half_of_a_gan,
    "target network": fitted(Agent),
    "networks that know their trainer": networks_that_know_their_trainer,
    "frozen helper": fitted(Frozen),
    "perceptual loss": by_perceptual_loss,
    "plain": fitted(Plain, metrics=["mae"]),
    "halves": halves,
    "temperature": tempered,
}


@pytest.mark.parametrize("case", both_ways(HEALTHY, 9))
def test_what_is_left_out_on_purpose_is_no_row(case):
    for report in told(HEALTHY[case[0]], WAYS[case[1]]):
        assert not [row for row in report.rows if row.status is Kind.MISSING], report
