"""`gradlab watch script.py`: a plain script is watched as it is, and nothing stays."""

import re

import pytest
import tensorflow as tf

from gradlab.cli import main

SCRIPT = """
import sys
import numpy as np
import tensorflow as tf

layers = tf.keras.layers
low = tf.keras.initializers.Constant(-100.0 if sys.argv[1:] == ["dead"] else 0.0)
x = np.random.RandomState(0).randn(64, 4).astype("float32")
model = tf.keras.Sequential([tf.keras.Input((4,)), layers.Dense(3, "relu", bias_initializer=low), layers.Dense(1)], name="mine")
model.compile("adam", "mse")
seen = tf.keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: print("epoch", epoch))
for _ in range(2):
    model.fit(x, x[:, :1], epochs=2, batch_size=8, verbose=0, callbacks=[seen])
"""


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "train.py"
    path.write_text(SCRIPT, encoding="utf-8")
    return path


def test_a_script_is_watched_and_the_page_needs_no_network(script, tmp_path, capsys):
    owner = next(c for c in tf.keras.Model.__mro__ if "fit" in vars(c))
    plain, page = vars(owner)["fit"], tmp_path / "seen.html"
    assert main(["watch", "--html", str(page), str(script), "dead"]) == 1
    out = capsys.readouterr().out
    assert "zero at every step: " in out and out.count("epoch 1") == 2  # the script's own callback runs too
    assert "gradlab watch: mine, 32 steps, alarms: zero" in out
    text = page.read_text(encoding="utf-8")
    assert "zero at every step" in text and not re.search(r"(src|href)=[\"']?(https?:)?//", text)
    assert vars(owner)["fit"] is plain


def test_a_healthy_script_and_what_cannot_be_run(script, tmp_path, capsys):
    assert main(["watch", "--every", "5", str(script)]) == 0
    assert "32 steps, no alarm" in capsys.readouterr().out
    empty = tmp_path / "empty.py"
    empty.write_text("x = 1\n", encoding="utf-8")
    assert main(["watch", str(empty)]) == 2
    assert "called no model.fit" in capsys.readouterr().err
    assert main(["watch", str(tmp_path / "absent.py")]) == 2
    assert main(["watch", "--every", "0", str(empty)]) == 2
    assert "--every is 0" in capsys.readouterr().err


def test_a_script_whose_first_step_fails_is_not_called_healthy(script, capsys):
    text = script.read_text(encoding="utf-8").replace('"mse")', "lambda y, p: tf.round(p - y))")
    script.write_text(text, encoding="utf-8")
    assert main(["watch", str(script)]) == 2  # Keras: No gradients provided for any variable
    out = capsys.readouterr().out
    assert "no alarm" not in out and "gradlab explain" in out
