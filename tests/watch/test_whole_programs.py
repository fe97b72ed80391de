"""The whole programs in examples/: the fault is told with its line, and the mended program raises no alarm."""

import contextlib
import io
import re
import runpy
import sys
from pathlib import Path

import pytest
from trainings import LEGACY

FOLDER = Path(__file__).parents[2] / "examples"
TOLD = {
    "text_generation": ("None: no path to the loss", "chosen = tf.argmax(logits, axis=-1)"),
    "time_series": ("step 9: first Inf in the gradient of", "tf.abs(forecast - target) / target"),
    "seq2seq_attention": ("no gradient (None) for", "encoder"),
    "gan": ("never reached an optimizer",),
    # Legacy Keras names the variable of a model without Input by its own name alone.
    "actor_critic": (
        "no gradient (None) for kernel#3" if LEGACY else "no gradient (None) for critic/kernel",
        "tf.stop_gradient(returns - value)",
    ),
}
MENDED = {"gan", "seq2seq_attention"}  # `make test` runs these mended ones, `make test-all` all


def output(name, *arguments):
    out, before = io.StringIO(), sys.argv
    sys.argv = [name, *arguments]
    try:
        with contextlib.redirect_stdout(out):
            runpy.run_path(str(FOLDER / f"{name}.py"), run_name="__main__")
    finally:
        sys.argv = before
    return out.getvalue()


@pytest.mark.parametrize("name", TOLD)
@pytest.mark.filterwarnings("ignore:.*radients do not exist.*")
def test_the_fault_is_told(name):
    text = output(name)
    for words in TOLD[name]:
        assert words in text


@pytest.mark.parametrize("name", [n if n in MENDED else pytest.param(n, marks=pytest.mark.weekly) for n in TOLD])
def test_the_mended_program_raises_no_alarm(name):
    text = output(name, "--mended")
    assert "no alarm" in text or "alarm" not in text
    assert "first NaN" not in text and "None" not in text and "never reached" not in text


def test_every_program_is_tried():
    assert {p.stem for p in FOLDER.glob("*.py")} == set(TOLD)


def test_the_page_on_watching_runs_from_top_to_bottom(tmp_path, monkeypatch):
    text = (FOLDER.parent / "docs" / "watch.md").read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    names = {}
    with contextlib.redirect_stdout(io.StringIO()) as out:
        for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
            exec(compile(block, "watch.md", "exec"), names)
    assert "gradlab.Watch: 4 steps, 4 variables, no alarm" in out.getvalue()
    assert (tmp_path / "watch.html").exists() and (tmp_path / "watch.png").exists()
    assert names["own"].record.steps == 4
