"""The command line, each command in a process of its own as a person would call it."""

import subprocess
import sys

import pytest
import warm
from kerases import HERE

import gradlab

BROKEN = """import tensorflow as tf
w = tf.Variable([1.0, 2.0])
with tf.GradientTape() as tape:
    level = tf.cast(w, tf.int32)
    loss = tf.reduce_sum(tf.cast(level, tf.float32))
print(tape.gradient(loss, w))
"""


def call(*words):
    python = warm.python(HERE) if words[0] == "explain" else [sys.executable]  # it begins with TensorFlow's import
    return subprocess.run([*python, "-m", "gradlab.cli", *words], capture_output=True, text=True)


def test_it_lists_the_scenarios():
    done = call("list")
    assert done.returncode == 0 and done.stdout.split() == gradlab.names()


def test_it_explains_a_script_without_changing_it(tmp_path):
    script = tmp_path / "train.py"
    script.write_text(BROKEN)
    done = call("explain", str(script))
    assert done.returncode == 1, done.stderr[-2000:]
    assert "level = tf.cast(w, tf.int32)" in done.stdout and "integer-cast" in done.stdout
    assert script.read_text() == BROKEN


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("render", "nowhere.py"), "there is no file nowhere.py"),
        (("render", "--jobs", "0"), "'0' is no whole number of at least 1"),
        (("list", "--into", "nowhere/page.md"), "there is no file nowhere/page.md"),
        (("explain", "nowhere.py"), "there is no file 'nowhere.py'"),
        (("dance",), "invalid choice: 'dance'"),
    ],
)
def test_what_can_not_be_done_is_said_and_ends_with_2(words, said):
    done = call(*words)
    assert done.returncode == 2
    assert said in done.stdout + done.stderr


def test_a_full_disk_leaves_the_notebook_as_it_was(tmp_path, monkeypatch):
    from gradlab.authoring import notebooks

    good = tmp_path / "01_good.ipynb"
    good.write_text("as it was")

    def full(self, *rest, **words):
        self.touch()
        raise OSError(28, "No space left on device", str(self))

    monkeypatch.setattr(notebooks.Path, "write_text", full)
    with pytest.raises(OSError, match="No space left"):
        notebooks.write_whole(good, "new")
    assert good.read_text() == "as it was" and list(tmp_path.iterdir()) == [good]
