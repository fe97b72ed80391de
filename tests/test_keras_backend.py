"""Keras on another backend than TensorFlow: every way in says so, in one sentence, and nothing else is refused."""

import json
import os
import subprocess
import sys

import pytest

SCRIPT = """
import json
import keras, numpy as np, tensorflow as tf
import gradlab
model = keras.Sequential([keras.Input((5, 3)), keras.layers.LSTM(4), keras.layers.Dense(1)])
model.compile("sgd", "mse")
x, y = np.ones((8, 5, 3), "f"), np.zeros((8, 1), "f")
ways = {
    "explain": lambda: gradlab.explain(model, x, y),
    "explain_loss": lambda: gradlab.explain(lambda: 0.0, model),
    "assert_gradients": lambda: gradlab.assert_gradients(model, x, y),
    "line_gradients": lambda: gradlab.line_gradients(model, x, y),
    "through_time": lambda: gradlab.through_time(model, x),
    "jacobian": lambda: gradlab.jacobian(model.layers[0], x),
    "jacobian_of_a_list": lambda: gradlab.jacobian([model.layers[0]], x),
    "Watch": lambda: model.fit(x, y, verbose=0, callbacks=[gradlab.Watch(view=None)]),
}
said = {}
for name, way in ways.items():
    try:
        way()
    except NotImplementedError as error:
        said[name] = str(error)
w = tf.Variable(2.0)
said["plain"] = gradlab.explain(lambda: w * w, {"w": w}).row("w").norm
print(json.dumps([list(ways), said]))
"""


def test_every_way_in_says_what_can_be_done():
    pytest.importorskip("jax", reason="JAX is not installed: KERAS ON ANOTHER BACKEND WAS NOT TRIED")
    environment = {**os.environ, "KERAS_BACKEND": "jax", "TF_USE_LEGACY_KERAS": "0"}
    done = subprocess.run([sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    ways, said = json.loads(done.stdout.splitlines()[-1])
    assert said.pop("plain") == 4.0
    assert set(said) == set(ways)
    for words in said.values():
        assert "Keras runs on jax here" in words and "KERAS_BACKEND=tensorflow" in words
