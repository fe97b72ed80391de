"""What a script sets in os.environ before it imports TensorFlow holds under a command as it does without."""

import os
import subprocess
import sys
import types

import pytest

from gradlab.runtime import script_environment

SCRIPT = """import os
os.environ["TF_USE_LEGACY_KERAS"] = "1"
import tensorflow as tf
print(tf.keras.Sequential.__module__.split(".")[0], flush=True)
w = tf.Variable(2.0)
with tf.GradientTape() as tape:
    loss = w * w
print(float(tape.gradient(loss, w)))
"""
TEXTS = {
    "item": ('import os\nos.environ["A"] = "1"\n', {"A": "1"}),
    "other_name": ('from os import environ\nenviron["A"] = "1"\n', {"A": "1"}),
    "update": ('import os\nos.environ.update({"A": "1"}, B="2")\n', {"A": "1", "B": "2"}),
    "default": ('import os\nos.environ.setdefault("A", "1")\nos.environ.setdefault("HELD", "1")\n', {"A": "1"}),
    "last": ('import os\nos.environ["A"] = "1"\nos.environ["A"] = "2"\n', {"A": "2"}),
    "after_the_import": ('import os, tensorflow\nos.environ["A"] = "1"\n', {}),
    "after_a_package_on_top": ('import os\nimport tensorflow_probability\nos.environ["A"] = "1"\n', {}),
    "after_an_import_inside": ('try:\n    import keras\nexcept ImportError:\n    pass\nos.environ["A"] = "1"\n', {}),
    "on_a_condition": ('import os, sys\nif sys.argv[1:]:\n    os.environ["A"] = "1"\n', {}),
    "computed": ('import os\nos.environ["A"] = str(1)\n', {}),
    "other_table": ('table = {}\ntable["A"] = "1"\n', {}),
    "no_python": ("os.environ[\n", {}),
}


@pytest.fixture
def environment(monkeypatch):
    """An environment of the test's own; pytest writes into the real one."""
    own = {"HELD": "0"}
    monkeypatch.setattr(script_environment, "os", types.SimpleNamespace(environ=own, path=os.path))
    return own


@pytest.mark.parametrize("name", TEXTS)
def test_what_a_script_sets_is_set(name, environment, tmp_path):
    text, want = TEXTS[name]
    script = tmp_path / "script.py"
    script.write_text(text)
    script_environment.set_as_the_script_does(["--json", str(script), "--lr", "1"])
    assert environment == {"HELD": "0", **want}


@pytest.mark.parametrize(
    "text, want", [("import tensorflow as tf\n", {}), ("import json\n", {"A": "1"}), ("import (\n", {"A": "1"})]
)
def test_a_module_beside_it_may_import_tensorflow_first(text, want, environment, tmp_path):
    script = tmp_path / "script.py"
    script.write_text('import os\nfrom parts import layers\nos.environ["A"] = "1"\n')
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts/__init__.py").write_text("import base\nimport parts\n")  # and itself again
    (tmp_path / "base.py").write_text(text)
    script_environment.set_as_the_script_does([str(script)])
    assert environment == {"HELD": "0", **want}


@pytest.mark.parametrize("place", ["package/module.py", "package/module/__main__.py"])
def test_of_a_module_too(place, environment, tmp_path, monkeypatch):
    file = tmp_path / place
    file.parent.mkdir(parents=True)
    file.write_text(TEXTS["item"][0])
    monkeypatch.chdir(tmp_path)
    script_environment.set_as_the_script_does(["-m", "package.module"])
    assert environment == {"HELD": "0", "A": "1"}


@pytest.mark.parametrize("arguments", [[], ["nowhere.py"], ["-m"], ["-m", "nowhere"], ["--html", "PAGE"]])
def test_without_a_script_nothing_is_set(arguments, environment, tmp_path):
    page = tmp_path / "page.html"
    page.write_text(TEXTS["item"][0])
    script_environment.set_as_the_script_does([str(page) if a == "PAGE" else a for a in arguments])
    assert environment == {"HELD": "0"}


@pytest.mark.parametrize(
    "command",
    ["explain", pytest.param("annotate", marks=pytest.mark.weekly), pytest.param("watch", marks=pytest.mark.weekly)],
)
def test_the_script_has_the_keras_that_it_chooses(command, tmp_path):
    pytest.importorskip("tf_keras", reason="legacy Keras is not installed: THE SCRIPT'S CHOICE WAS NOT TRIED")
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    plain = {k: v for k, v in os.environ.items() if k != "TF_USE_LEGACY_KERAS"}
    alone, under = (
        subprocess.run([sys.executable, *words, str(script)], capture_output=True, text=True, env=plain, check=False)
        for words in ([], ["-m", "gradlab", command])
    )
    assert alone.stdout == "tf_keras\n4.0\n"
    assert under.stdout.startswith(alone.stdout)
