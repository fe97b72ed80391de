"""The command line, each command in a process of its own as a person would call it."""

import argparse
import json
import re
import subprocess
import sys

import pytest
import warm
from kerases import HERE

import gradlab
from gradlab.cli import _parser, main

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
    done = subprocess.run(
        [sys.executable, "-m", "gradlab", "list"], capture_output=True, text=True
    )  # as `gradlab list`
    listed = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
    assert done.returncode == 0 and list(listed) == gradlab.names()
    assert listed == {name: gradlab.load(name).title for name in listed}


def test_the_help_says_where_to_start_and_has_every_command_once():
    text = _parser("")[0].format_help()
    assert text.split("\n\n")[1] == "Start with: gradlab explain script.py"
    assert re.findall(r"^  (\w+)  ", text.split("your own programs:")[1], re.M)[:3] == ["explain", "annotate", "watch"]
    assert sorted(re.findall(r"^  (\w+)  ", text.split("your own programs:")[1], re.M)) == sorted(_parser("")[1])


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


@pytest.fixture
def run_here(tmp_path, capfd):
    """Runs a command in this process on a script of this text: (status, output, errors)."""

    def run(text, *words, after=()):
        script = tmp_path / "train.py"
        script.write_text(text)
        status = main([*words, str(script), *after])
        return (status, *capfd.readouterr())

    return run


def test_an_option_behind_the_script_gets_a_hint(run_here):
    said = "gradlab {}: --{} after the script belongs to the script; for gradlab put it before the script\n"
    for command, option in (("explain", "html"), ("annotate", "numbers"), ("watch", "every")):
        status, _, err = run_here(
            "import sys\nprint(sys.argv)\n", command, after=[f"--{option}=x.html", "-m", "--help"]
        )
        assert status == 2 and err.startswith(said.format(command, option))
    _, out, err = run_here("import sys\nprint(sys.argv)\n", "explain", after=["--html", "a", "--lr", "1", "--json"])
    assert (
        "--html, --json after the script belong to the script; for gradlab put them before" in err
        and "'--lr', '1'" in out
    )
    assert "after the script" not in run_here("", "explain", after=["--lr", "--jsonl"])[2]


def test_a_long_note_is_printed_whole_once(tmp_path, capsys):
    from gradlab.doctor import Diagnosis, Report
    from gradlab.doctor.frontends.command import _show

    long, page = (
        f"this tape was opened while a graph was traced{', so no values were there' * 3}",
        tmp_path / "page.html",
    )
    found = [
        Report([Diagnosis("w", gradlab.Kind.OK)], [*more, "short"], title=title)
        for title, more in (("a", [long]), ("b", [long]))
    ]
    assert _show(found, argparse.Namespace(json=False, html=str(page))) == 0
    out = capsys.readouterr().out
    for text in (out, page.read_text()):
        assert (
            text.count(long) == 1 and text.count("as above: this tape was opened") == 1 and text.count(": short") == 2
        )
    assert _show(found, argparse.Namespace(json=True, html=None)) == 0
    assert [report["notes"] for report in json.loads(capsys.readouterr().out)] == [[long, "short"]] * 2


CRITIC = """import tensorflow as tf
slope, shift = tf.Variable([1.0, 2.0]), tf.Variable(0.5)
def score(rows):
    return tf.reduce_sum(rows * slope, -1) + shift
with tf.GradientTape() as tape:
    loss = tf.reduce_mean(score(tf.ones((3, 2)))) - tf.reduce_mean(score(tf.zeros((3, 2))))
tape.gradient(loss, [slope, shift])
"""


def test_a_harmless_zero_is_shown_and_no_reason_for_status_1(run_here):
    status, out, _ = run_here(CRITIC, "explain")
    assert status == 0 and "no gradient has a problem; 1 of 2 is zero by design" in out
    assert "zero-cancel" in out and "harmless" in out


def test_no_line_of_a_report_is_one_that_started_the_command(run_here):
    status, out, _ = run_here(BROKEN, "explain", "--json")
    places = [
        place for report in json.loads(out[out.index("[\n") :]) for row in report["rows"] for place in row["where"]
    ]
    assert status == 1 and len(places) == 1 and places[0]["file"].endswith("train.py")


@pytest.mark.parametrize("command", ["explain", "annotate"])
def test_a_script_that_does_not_compile_is_told_once(run_here, command):
    status, out, err = run_here("x = 1\ndef f(:\n    pass\n", command)
    assert status == 2 and out == ""
    lines = err.splitlines()
    assert lines[0].endswith('train.py", line 2') and lines[-1].startswith("SyntaxError: ") and "Traceback" not in err
    status, out, err = run_here("import sys\nsys.exit('no data')\n", command)
    assert (status, err.splitlines()[0]) == (2, "no data")
    assert err.splitlines()[1:] == [
        f"gradlab {command}: the script ended before it asked a tf.GradientTape for a gradient"
    ]


def test_a_script_that_calls_explain_itself_has_not_failed(run_here):
    text = "import tensorflow as tf, gradlab\nw = tf.Variable(2.0)\nreport = gradlab.explain(lambda: w * w, [w])\nprint(len(report.problems))\n"
    status, out, err = run_here(text, "explain")
    assert (status, out) == (0, "0\n")
    assert err.splitlines()[-1] == (
        "gradlab explain: the script asked no tf.GradientTape for a gradient; it asks gradlab itself, "
        "whose reports are not shown again"
    )
    status, _, err = run_here("import tensorflow as tf\nw = tf.Variable(2.0)\n", "explain")
    assert status == 2 and err.splitlines()[-1] == "gradlab explain: the script asked no tf.GradientTape for a gradient"


def test_ctrl_c_prints_what_was_recorded(run_here):
    text = (
        BROKEN.replace("print(", "first = ").replace("w))", "w)")
        + "raise KeyboardInterrupt  # what Python makes of Ctrl-C\n"
    )
    for command in ("explain", "annotate"):
        status, out, err = run_here(text, command)
        assert status == 130 and "level = tf.cast(w, tf.int32)" in out
        assert err.splitlines()[-1] == "KeyboardInterrupt" and "asked no tf.GradientTape" not in err
        files = [line for line in err.splitlines() if line.strip().startswith("File ")]
        assert files and all("train.py" in line for line in files)


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
