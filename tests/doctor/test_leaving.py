"""A value that leaves TensorFlow under a recorded tape, whose code does not run a second time: the line is found in the
recording and the text."""

from __future__ import annotations

import linecache
import math
import textwrap

import keras
import numpy as np
import pytest
import tensorflow as tf

import gradlab
from gradlab.doctor import explain_call
from gradlab.doctor.frontends import call
from gradlab.doctor.recording import session

START = "w = tf.Variable([1.0, 2.0])\nu = tf.Variable([3.0, 0.5])\n"
# The line with `# cut` is the one to be found.
BODIES = {
    "mean": """
        h = tf.tanh(w * 2.0)
        m = np.mean(h)  # cut
        loss = tf.square(m - 3.0)
        """,
    "in one line": "loss = tf.square(np.mean(tf.tanh(w)) - 1.0)  # cut",
    "the loss itself": "loss = tf.constant(np.mean(np.square(w - 1.0)))  # cut",
    "buffer": """
        h = tf.tanh(w * 2.0)
        a = np.asarray(h)  # cut
        b = a * 2 + 1
        loss = tf.reduce_sum(tf.convert_to_tensor(b) ** 2)
        """,
    "ufunc in a helper": """
        def squash(v):
            return np.tanh(v)  # cut
        h = w * 2.0
        k = squash(h)
        loss = tf.reduce_sum(tf.square(k))
        """,
    "helper of two values": """
        def rmse(a, b):
            return np.sqrt(np.mean((a - b) ** 2))  # cut
        target = tf.ones(2)
        loss = tf.convert_to_tensor(rmse(w * target, target))
        """,
    "list filled in a loop": """
        outs, h = [], tf.zeros(2)
        for t in range(3):
            h = tf.tanh(h + w)
            outs.append(np.array(h))  # cut
        loss = tf.reduce_mean(tf.stack(outs))
        """,
    "array filled in a loop": """
        buffer, h = np.zeros((3, 2), np.float32), tf.zeros(2)
        for t in range(3):
            h = tf.tanh(h + w)
            buffer[t] = h  # cut
        loss = tf.reduce_sum(tf.constant(buffer) ** 2)
        """,
    "list of numbers": """
        h = tf.exp(w)
        values = h.numpy().tolist()  # cut
        loss = tf.add_n([tf.constant(v) * 2.0 for v in values])
        """,
    "math": """
        e = math.exp(tf.reduce_sum(w))  # cut
        loss = tf.square(e - 1.0)
        """,
    "in a method": """
        class Agent:
            def act(self, s):
                logits = s * w
                p = np.exp(logits)  # cut
                return p / p.sum()
            def loss(self):
                return -tf.math.log(self.act(tf.ones(2))[0])
        loss = Agent().loss()
        """,
    "branch": """
        h = w * 3.0
        if h.numpy().sum() > 2:  # cut
            loss = tf.reduce_sum(u * 2.0)
        else:
            loss = tf.reduce_sum(u * 3.0)
        """,
    "number into a tf.function": """
        @tf.function
        def scaled(k):
            return tf.reduce_sum(u * k)
        loss = scaled(float(w[0]))  # cut
        """,
    "beside a logged value": """
        h = tf.tanh(w)
        print("mean", np.mean(h))
        v = h.numpy() * 2  # cut
        loss = tf.reduce_sum(v * u)
        """,
}
ELSE = {
    "numpy_function": (
        "py-function",
        """
        h = w * 2.0
        c = tf.numpy_function(lambda a: np.clip(a, 0, 1), [h], tf.float32)  # cut
        loss = tf.reduce_sum(c)
        """,
    ),
    "only logged": (
        "unconnected",
        """
        h = tf.tanh(w)  # cut
        log = float(np.mean(h))
        loss = tf.reduce_sum(u * 2.0)
        """,
    ),
    "only kept in a history": (
        "unconnected",
        """
        history = []
        h = tf.tanh(w)  # cut
        history.append(h.numpy().mean())
        loss = tf.reduce_sum(u * 2.0)
        """,
    ),
    "a count": (
        "loop-condition",
        """
        n = int(w[1])  # cut
        loss = tf.constant(1.0)
        for i in range(n):
            loss = loss * tf.reduce_sum(u)
        """,
    ),
}
CASES = [(k, "numpy-conversion", v) for k, v in BODIES.items()] + [(k, *v) for k, v in ELSE.items()]


def program(body: str, tape: str) -> str:
    return (
        START
        + f"with {tape}() as tape:\n"
        + textwrap.indent(textwrap.dedent(body).strip("\n"), "    ")
        + "\ngradients = tape.gradient(loss, {'w': w})\n"
    )


def compiled(text: str, name: str):
    linecache.cache[name] = (len(text), None, text.splitlines(True), name)
    return compile(text, name, "exec")


WAYS = ("cell", "function", "Tape")


@pytest.mark.parametrize(
    ("title", "cause", "body", "way"),
    [
        pytest.param(*case, way, marks=[] if n % 3 == k else [pytest.mark.weekly], id=f"{case[0]}-{way}")
        for n, case in enumerate(CASES)
        for k, way in enumerate(WAYS)  # each case in one way, in turn
    ],
)
def test_line_of_the_exit(title, cause, body, way):
    text = program(body, "gradlab.Tape" if way == "Tape" else "tf.GradientTape")
    if way == "function":
        text = "def run():\n" + textwrap.indent(text, "    ")
    name = f"<ipython-input-{title}-{way}>"
    scope = {"np": np, "tf": tf, "math": math, "gradlab": gradlab}
    session.forget()
    if way == "cell":
        with call.recorded_tapes() as opened:
            exec(compiled(text, name), scope)
        (report,) = call.reports(opened)
    else:
        exec(compiled(text, name), scope)
        report = explain_call(scope["run"]) if way == "function" else gradlab.last_report()
    row = report.row("w")
    line = next(n for n, t in enumerate(text.splitlines(), 1) if "# cut" in t)
    assert (row.status, row.cause, row.where[0].line) == ("none", cause, line), row


def test_prediction_in_numpy_of_a_keras_model():
    net = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2), keras.layers.Dense(1)])
    x = tf.ones((4, 3))

    def step():
        with tf.GradientTape() as tape:
            loss = tf.constant(np.mean(np.square(net(x) - 1.0)))
        return tape.gradient(loss, net.trainable_variables)

    rows = explain_call(step).rows
    assert {r.cause for r in rows} == {"numpy-conversion"}
    assert {r.where[0].code for r in rows} == {"loss = tf.constant(np.mean(np.square(net(x) - 1.0)))"}


def _both(w, u):
    mean = tf.tanh(w)
    spread = tf.math.softplus(u)
    return mean, spread


def _rated(mean, spread):
    level = np.maximum(spread, 0.1)
    return tf.reduce_sum((mean / level) ** 2)


def test_behind_a_starred_call_the_line_is_the_one_that_hands_the_value_over() -> None:
    w, u = tf.Variable([1.0, 2.0]), tf.Variable([3.0, 0.5])
    row = gradlab.explain(lambda: _rated(*_both(w, u)), {"u": u}).row("u")
    assert (row.cause, row.where[0].code) == ("numpy-conversion", "level = np.maximum(spread, 0.1)")
