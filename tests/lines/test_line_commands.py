"""`gradlab annotate`, `%%annotate` and the example of the docs."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import tensorflow as tf

from gradlab.cli import main
from gradlab.lines.with_doctor import run

CAST = """import sys
import tensorflow as tf

w = tf.Variable([1.5, 2.5], name="w")
with tf.GradientTape() as tape:
    h = tf.square(w)
    h = tf.cast(tf.cast(h, tf.int32), tf.float32)
    loss = tf.reduce_sum(h)
print("gradient", tape.gradient(loss, w), sys.argv[1:])
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    file = tmp_path / "cast.py"
    file.write_text(CAST, encoding="utf-8")
    return file


def test_annotate_prints_the_file_with_the_cut(script: Path, capsys, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    assert main(["annotate", "--html", str(page), str(script), "a", "--b"]) == 1
    out = capsys.readouterr().out
    assert "gradient None ['a', '--b']" in out
    shown = [line for line in out.splitlines() if re.match(r"^.{14}\s*\d+( |$)", line)]
    assert [line[14:].strip().partition("  ")[0] for line in shown] == [str(n) for n in range(1, 10)]
    by_number = {int(line[14:].split()[0]): line for line in shown}
    assert by_number[6][:14].split() == ["┃", "∅"] and "reads w ∅" in by_number[6]
    assert by_number[5].startswith("┃") and by_number[9].startswith(" ")
    lines = out.splitlines()
    beside = lines.index(by_number[7])  # in 80 columns the words stand below the line
    assert "✂ w" in "".join(lines[beside : beside + 2]) and "✂" not in "".join(lines[:beside])
    text = page.read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>") and "http" not in text and "✂ w" in text


def test_annotate_a_module(script: Path, capsys, monkeypatch) -> None:
    (script.parent / "pkg").mkdir()
    (script.parent / "pkg" / "__init__.py").write_text("", encoding="utf-8")
    script.rename(script.parent / "pkg" / "inner.py")
    monkeypatch.chdir(script.parent)
    assert main(["annotate", "-m", "pkg.inner", "x"]) == 1
    out = capsys.readouterr().out
    assert "gradient None ['x']" in out and "✂ w" in out


def test_a_page_that_cannot_be_written_is_told_before_the_script_runs(script: Path, tmp_path: Path, capsys) -> None:
    for target, why in ((tmp_path / "none" / "page.html", "there is no folder"), (tmp_path, "it is a folder")):
        assert main(["annotate", "--html", str(target), str(script)]) == 2
        said = capsys.readouterr()
        assert not said.out and f"--html {str(target)!r}: {why}" in said.err and "nothing was run" in said.err


def test_annotate_says_what_is_wrong(tmp_path: Path, capsys) -> None:
    assert main(["annotate", str(tmp_path / "absent.py")]) == 2
    assert "there is no file" in capsys.readouterr().err
    assert main(["annotate"]) == 2
    file = tmp_path / "no_tape.py"
    file.write_text("print('nothing')\n", encoding="utf-8")
    assert main(["annotate", str(file)]) == 2
    assert "asked no tf.GradientTape" in capsys.readouterr().err
    file.write_text(CAST.replace("tf.square(w)", "tf.matmul(w, w)"), encoding="utf-8")
    assert main(["annotate", str(file)]) == 2
    heard = capsys.readouterr()
    assert "Traceback" in heard.err and "‼" in heard.out


def test_annotate_without_unicode(script: Path) -> None:
    command = [sys.executable, "-m", "gradlab.cli", "annotate", str(script)]
    ran = subprocess.run(command, capture_output=True, env={**__import__("os").environ, "PYTHONIOENCODING": "ascii"})
    assert ran.returncode == 1, ran.stderr.decode()
    assert ran.stdout.isascii() and b"8< w" in ran.stdout and b"|" in ran.stdout


GRAPH = """import tensorflow as tf
w = tf.Variable([1.0, 2.0], name="w")
seen = []

@tf.function
def train(x):
    with tf.GradientTape() as tape:
        h = tf.tanh(w * x)
        loss = tf.reduce_sum(h)
    g = tape.gradient(loss, w)
    w.assign_sub(0.1 * g)
    return loss

for n in range(5):
    seen.append(float(train(tf.constant([0.1, 0.2]))))
final = w.numpy().tolist()
"""


@pytest.mark.parametrize("doctor", [False, True])
def test_function_is_seen_and_put_back(tmp_path: Path, doctor: bool) -> None:
    """The weights at the end are those of the script run by itself, and the result says what ran."""
    file = tmp_path / "graph.py"
    file.write_text(GRAPH, encoding="utf-8")
    plain: dict = {}
    exec(compile(GRAPH, "plain.py", "exec"), plain)
    names: dict = {}
    ran = run(lambda: exec(compile(GRAPH, str(file), "exec"), names), doctor=doctor)
    assert ran.error is None
    assert names["seen"] == pytest.approx(plain["seen"]) and names["w"].numpy().tolist() == pytest.approx(
        plain["final"]
    )
    found = ran.results[-1]
    line = next(x for x in found.lines if "tf.tanh" in x.text)
    assert [v.kind for v in line.visits] == ["ok"] and line.bracket == "in"
    assert "eagerly" in found.mode


@pytest.mark.parametrize("doctor", [False, True])
def test_fit_is_seen_and_put_back(tmp_path: Path, doctor: bool) -> None:
    code = """import tensorflow as tf
tf.keras.utils.set_random_seed(0)
class Net(tf.keras.Model):
    def __init__(self):
        super().__init__()
        self.a, self.b = tf.keras.layers.Dense(3), tf.keras.layers.Dense(1)

    def call(self, x):
        h = self.a(x)
        h = tf.stop_gradient(h)
        return self.b(h)

net = Net()
net.compile(tf.keras.optimizers.Adam(0.1), "mse", run_eagerly=False)
x = tf.random.stateless_normal((64, 3), (1, 2))
net.fit(x, x[:, :1], epochs=1, verbose=0, shuffle=False)
after = [v.numpy() for v in [*net.weights, *net.optimizer.variables]] if not callable(net.optimizer.variables) else [v.numpy() for v in [*net.weights, *net.optimizer.variables()]]
"""
    file = tmp_path / "fit.py"
    file.write_text(code, encoding="utf-8")
    names: dict = {}
    ran = run(lambda: exec(compile(code, str(file), "exec"), names), doctor=doctor)
    assert ran.error is None
    found = ran.results[-1]
    lines = {x.text.strip(): x for x in found.lines}
    assert [v.kind for v in lines["h = self.a(x)"].visits] == ["none"]
    assert [v.kind for v in lines["return self.b(h)"].visits] == ["ok"]
    assert found.mode
    assert [text for text, line in lines.items() if line.cut] == (["h = tf.stop_gradient(h)"] if doctor else [])
    net = names["net"]
    variables = net.optimizer.variables
    now = [v.numpy() for v in [*net.weights, *(variables() if callable(variables) else variables)]]
    assert all((a == b).all() for a, b in zip(names["after"], now, strict=True))


STEP = """import tensorflow as tf
tf.keras.utils.set_random_seed(0)
class Pair(tf.keras.Model):
    def __init__(self):
        super().__init__()
        self.maker, self.judge = tf.keras.layers.Dense(2), tf.keras.layers.Dense(1)

    def compile(self):
        super().compile()
        self.first, self.second = tf.keras.optimizers.Adam(0.1), tf.keras.optimizers.Adam(0.1)

    def train_step(self, data):
        DATA
        fake = self.maker(x)
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(self.judge(fake) ** 2)
        judges = self.judge.trainable_variables
        self.first.apply_gradients(zip(tape.gradient(loss, judges), judges))
        with tf.GradientTape() as tape:
            other = tf.reduce_mean(self.judge(fake))
        makers = self.maker.trainable_variables
        self.second.apply_gradients(zip(tape.gradient(other, makers), makers))
        return {"loss": loss}

net = Pair()
net.compile()
x = tf.random.stateless_normal((64, 3), (1, 2))
net.fit(GIVEN, epochs=1, verbose=0)
"""


@pytest.mark.parametrize(
    ("data", "given"),
    [
        ("x = data", "x"),
        ("x, y = data", "x, x"),
        ("(x,) = data", "tf.data.Dataset.from_tensor_slices((x,)).batch(32)"),
        ("x = data['x']", "tf.data.Dataset.from_tensor_slices({'x': x}).batch(32)"),
    ],
)
def test_a_train_step_gets_what_fit_hands_it(tmp_path: Path, data: str, given: str) -> None:
    code = STEP.replace("DATA", data).replace("GIVEN", given)
    file = tmp_path / "step.py"
    file.write_text(code, encoding="utf-8")
    ran = run(lambda: exec(compile(code, str(file), "exec"), {}))
    # The script ends with its own exception. The run in eager mode reaches both tapes all the same: the first
    # optimizer, whose variables the trace that failed has left without contents, has some again.
    assert isinstance(ran.error, ValueError) and "No gradients provided" in str(ran.error)
    assert len(ran.results) == 2
    cut = [line.text.strip() for line in ran.results[-1].lines if line.cut]
    assert cut == ["fake = self.maker(x)"]


def test_cell_magic() -> None:
    from IPython.core.interactiveshell import InteractiveShell

    from gradlab.lines.ipython import annotate_cell

    shell = InteractiveShell()
    shell.user_ns["tf"] = tf
    shown: list = []
    annotate_cell("", CAST.replace("import sys\n", "import sys; sys.argv = ['x']\n"), shell, shown.append)
    assert len(shown) == 1
    cut = [line for line in shown[0].lines if line.cut]
    assert len(cut) == 1 and "tf.int32" in cut[0].text
    assert shell.user_ns["loss"].shape == ()
    with pytest.raises(ValueError, match="takes no arguments"):
        annotate_cell("x", "1", shell, shown.append)


def test_extension_has_both_magics() -> None:
    from IPython.core.interactiveshell import InteractiveShell

    import gradlab

    shell = InteractiveShell()
    gradlab.load_ipython_extension(shell)
    assert {"explain", "annotate"} <= set(shell.magics_manager.magics["cell"])
    gradlab.unload_ipython_extension(shell)
    assert not {"explain", "annotate"} & set(shell.magics_manager.magics["cell"])


def test_example_of_the_docs_runs(capsys) -> None:
    page = Path(__file__).parents[2].joinpath("docs", "line_gradients.md").read_text(encoding="utf-8")
    code, wanted = re.search(r"```python\n(.*?)```\s+```text\n(.*?)```", page, re.DOTALL).groups()
    import linecache

    name = "<example of the docs>"
    linecache.cache[name] = (len(code), None, code.splitlines(True), name)
    exec(compile(code, name, "exec"), {})
    out = capsys.readouterr().out
    strip = [re.sub("[▁▂▃▄▅▆▇█]", "k", line[:14]).strip() for line in out.splitlines() if line.startswith("┃")]
    assert strip == [
        re.sub("[▁▂▃▄▅▆▇█]", "k", line[:14]).strip() for line in wanted.splitlines() if line.startswith("┃")
    ]
