"""Every notebook: built from its script, compared output by output (strict nbval), and run with other parameters (papermill)."""

import itertools
import os
import re
import shutil
import subprocess
from pathlib import Path

import nbformat
import papermill
import pytest
import warm
from kerases import HERE
from solutions import DONE, NOT_DONE

import gradlab
from gradlab.authoring.lesson import core_and_extra, for_learners, has_more, minutes, one_folder_down, whole
from gradlab.authoring.notebooks import solution_of

ROOT = Path(__file__).parents[1]
SCRIPTS = sorted((ROOT / "notebooks").glob("[0-9]*.py"))
DEVICE = os.environ.get("GRADLAB_DEVICE", "/CPU:0")
each_script = pytest.mark.parametrize("script", SCRIPTS, ids=lambda s: s.stem)
CELL_TIMEOUT = 300
# A notebook chooses its Keras itself, by its parameter, so what is run here depends only on what is worth the minutes.
# The committed outputs are those of Keras 3 with the switches off. Where the environment asks for legacy Keras, one
# notebook, which shows the difference, is enough to see that the parameter wins.
COMPARED = SCRIPTS if HERE == 3 else [s for s in SCRIPTS if s.stem == "03_list_of_variables"]
# `make test` runs every notebook compared output by output (the whole one, switches off, Keras 3), and of the learners'
# notebooks with switches on and legacy Keras every eighth. `make test-all` and a job of the workflow, at every push, run
# all of them, and with the other three pairs. On another device than the CPU no output is compared, so there all are run.
SAMPLE, FIRST = 8, 1  # 01, 09 and 17
ALWAYS = (True, 2)
PAIRS = [ALWAYS, (False, 3), (True, 3), (False, 2)]


def runs():
    """Each script with each pair of parameters (bug, keras)."""
    for n, script in enumerate(SCRIPTS):
        for pair in PAIRS:
            often = pair == ALWAYS and (n % SAMPLE == FIRST or DEVICE != "/CPU:0")
            marks = [] if often else [pytest.mark.weekly]
            yield pytest.param(script, *pair, marks=marks, id=f"{script.stem}-{'on' if pair[0] else 'off'}-{pair[1]}")


# The most memory that the kernel itself ever held: unlike getrusage, without what the process that started it had.
PEAK = """import pathlib
status = pathlib.Path("/proc/self/status")
if status.exists():
    print("peak memory:", status.read_text().split("VmHWM:")[1].split()[0], "kB")"""


def read(path):
    return nbformat.read(path, as_version=4)


def built(script):
    return read(script.with_suffix(".ipynb"))


def told(script):
    """The notebook that tells everything: the one with the solutions, where there is one."""
    solution = solution_of(script)
    return solution if solution.exists() else script.with_suffix(".ipynb")


def cells_of(notebook):
    return [(c.cell_type, c.source, c.metadata.get("tags", [])) for c in notebook.cells]


def outputs(notebook):
    """All text of a notebook's outputs."""
    found = [
        o.get("text") or o.get("data", {}).get("text/plain", "") for c in notebook.cells for o in c.get("outputs", [])
    ]
    return "\n".join(found)


def text_of(cell):
    return "\n".join(o.get("text") or o.get("data", {}).get("text/plain", "") for o in cell.get("outputs", []))


def nbval(notebook, path=""):
    """Compare a notebook with a run of it. `path`: where gradlab is, if not here.

    TensorFlow is there before the first cell, which saves 8 s for each; papermill runs what a learner's kernel does.
    """
    environment = {**os.environ, "JUPYTER_PATH": warm.kernels()} | ({"PYTHONPATH": str(path)} if path else {})
    command = [*warm.python(3), "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-c", os.devnull]
    command += [
        f"--rootdir={notebook.parent}",
        "--nbval",
        "--nbval-kernel-name=python3",
        f"--nbval-cell-timeout={CELL_TIMEOUT}",
    ]
    return subprocess.run([*command, str(notebook)], capture_output=True, text=True, env=environment)


def test_there_is_a_script_for_every_notebook():
    assert SCRIPTS
    assert {p.stem for p in (ROOT / "notebooks").glob("*.ipynb")} == {s.stem for s in SCRIPTS}
    more = {s.stem for s in SCRIPTS if has_more(whole(s))}
    assert {p.stem for p in (ROOT / "notebooks" / "solutions").glob("*.ipynb")} == more


@each_script
def test_both_notebooks_are_built_from_their_script(script):
    everything = whole(script)
    assert cells_of(built(script)) == cells_of(for_learners(everything)), "run `make notebooks`"
    if has_more(everything):
        assert cells_of(read(solution_of(script))) == cells_of(one_folder_down(everything)), "run `make notebooks`"


@each_script
def test_the_notebooks_are_committed_as_they_ran(script):
    for notebook in (built(script), read(told(script))):
        code = [c for c in notebook.cells if c.cell_type == "code"]
        assert [c.execution_count for c in code] == list(range(1, len(code) + 1)), (
            "a cell without a run is not compared"
        )
        assert "widgets" not in notebook.metadata, "with stored widgets GitHub shows no picture"
        kinds = {(o.output_type, o.get("name")) for c in code for o in c.outputs}
        assert not {k for k in kinds if k[0] == "error" or k[1] == "stderr"}
        assert len({c.id for c in notebook.cells}) == len(notebook.cells)


@each_script
def test_the_learners_copy_tells_nothing_and_the_solutions_are_right(script):
    learners = built(script)
    assert not [c for c in learners.cells if "solution" in c.metadata.get("tags", [])]
    for cell in learners.cells:
        tags = set(cell.metadata.get("tags", []))
        assert not (tags & {"after"} and cell.outputs), "what the switch did is committed"
        shown = text_of(cell)
        assert "predict=True" not in cell.source or "∅" not in shown, "the other position is committed"
    for cell in read(told(script)).cells:
        if "solution" in cell.metadata.get("tags", []):
            assert DONE.search(text_of(cell)) and not NOT_DONE.search(text_of(cell)), cell.source


@each_script
def test_no_explanation_of_the_learners_copy_is_open(script):
    """A page shows a question and the explanation below it at once. What is folded is all of it, and the exercise is not."""
    everything = whole(script)
    explained = sum(c.source.count("**Explain.**") for c in everything.cells)
    sources = [c.source for c in for_learners(everything).cells if c.cell_type == "markdown"]
    assert sum(source.count("<summary>Explain, ") for source in sources) == explained
    for source in sources:
        for part in re.findall(r"<details><summary>Explain, .*?</details>", source, re.DOTALL):
            assert "**Exercise" not in part and "\n## " not in part and "<details>" not in part[9:]
        assert "**Explain.**" not in source and source.count("<details>") == source.count("</details>")


@each_script
def test_a_cell_that_tells_what_the_switch_did_folds_it(script):
    """JupyterLab opens a hidden output when its cell runs: who runs all cells at once must not be told."""
    for cell in whole(script).cells:
        if "after" in cell.metadata.get("tags", []):
            last = cell.source.rstrip().splitlines()[-1]
            assert not re.search(r"\bprint\(", cell.source), cell.source
            assert last == ")" or re.match(r"(gradlab\.(folded|side_by_side)\(|votes\.measured\()", last), cell.source


@each_script
def test_a_notebook_can_be_done_in_half_an_hour(script):
    core, _ = core_and_extra(whole(script))
    assert minutes(core) <= 32.5, "mark a section as (extra)"
    assert script.stem.startswith("00") or "**Minutes**: about" in core[0].source


@each_script
def test_the_notebook_takes_the_three_parameters(script):
    parameters = papermill.inspect_notebook(script.with_suffix(".ipynb"))
    assert {"bug", "device", "keras"} <= set(parameters)
    assert [p["default"] for n, p in parameters.items() if n in ("bug", "device", "keras")] == [
        "False",
        '"/CPU:0"',
        "3",
    ]


@each_script
def test_headings_and_links_are_in_order(script):
    text = "\n".join(c.source for c in built(script).cells if c.cell_type == "markdown")
    levels = [len(m) for m in re.findall(r"^(#+) ", text, re.M)]
    assert levels.count(1) == 1 and levels[0] == 1
    assert all(b - a <= 1 for a, b in itertools.pairwise(levels)), "no heading level is skipped"
    for target in re.findall(r"\]\((\d\d_\w+\.ipynb)\)", text):
        assert (ROOT / "notebooks" / target).exists(), f"the link to {target} leads nowhere"
    assert not re.findall(r"!\[\]\(", text), "every picture has alternative text"


@pytest.mark.parametrize("script", COMPARED, ids=lambda s: s.stem)
@pytest.mark.skipif(
    DEVICE != "/CPU:0", reason=f"the committed outputs are those of /CPU:0, and this run is on {DEVICE}"
)
def test_strict_nbval_finds_every_output_as_committed(script):
    done = nbval(told(script))
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]


@pytest.mark.parametrize(("script", "bug", "keras"), list(runs()))
def test_papermill_runs_it_with_other_parameters(script, bug, keras, tmp_path):
    target, source = tmp_path / "out.ipynb", tmp_path / script.with_suffix(".ipynb").name
    notebook = built(script)
    notebook.cells.append(nbformat.v4.new_code_cell(PEAK))
    nbformat.write(notebook, source)
    environment = os.environ.pop("TF_USE_LEGACY_KERAS", None)  # the notebook's own parameter decides
    try:
        done = papermill.execute_notebook(
            source,
            target,
            {"bug": bug, "device": DEVICE, "keras": keras},
            kernel_name="python3",
            execution_timeout=CELL_TIMEOUT,
            progress_bar=False,
            store_widget_state=False,
            cwd=str(script.parent),
        )
    finally:
        if environment is not None:
            os.environ["TF_USE_LEGACY_KERAS"] = environment
    text = outputs(done)
    assert f"gradlab: Keras {keras} on {DEVICE}" in text
    panels = re.findall(r"Panel\(\w+, bug=(\w+)\)", text)
    assert set(panels) <= {str(bug)}
    assert panels or not any("Panel(" in c.source for c in notebook.cells if c.cell_type == "code")
    peak = re.search(r"peak memory: (\d+) kB", text)
    if peak and DEVICE == "/CPU:0":  # only Linux tells
        assert int(peak[1]) < 1024**2, "the kernel took more than 1 GB; Binder gives 2 GB for everything"


def test_strict_nbval_fails_when_a_scenarios_numbers_change(tmp_path):
    shutil.copytree(ROOT / "gradlab", tmp_path / "gradlab", ignore=shutil.ignore_patterns("__pycache__"))
    changed = tmp_path / "gradlab" / "scenarios" / "integer_cast.py"
    source = changed.read_text()
    assert "level = 10 * h" in source
    changed.write_text(source.replace("level = 10 * h", "level = 11 * h"))
    notebook = tmp_path / "02_integer_cast.ipynb"
    shutil.copy(solution_of(ROOT / "notebooks" / notebook.with_suffix(".py").name), notebook)
    done = nbval(notebook, path=tmp_path)
    assert done.returncode == 1, done.stdout[-3000:] + done.stderr[-2000:]
    assert "largest" in done.stdout


def test_the_first_page_lists_every_scenario():
    text = outputs(built(ROOT / "notebooks" / "00_start_here.py"))
    assert f"{len(gradlab.names())} scenarios" in text, "run `make notebooks`"


SMALL = """# %% [markdown]
# # A small one
#
# <!-- minutes -->

# %%
import gradlab

gradlab.start()
# %%
gradlab.Panel("integer_cast", predict=True)
# %% tags=["exercise"]
answer = 1
print("right" if answer == 2 else "not yet")
# %% tags=["solution"]
answer = 2
print("right" if answer == 2 else "not yet")
# %% tags=["after"]
print("told")
"""


def test_rendering_twice_gives_the_same_bytes_and_two_copies(tmp_path, monkeypatch):
    from gradlab.authoring.notebooks import render

    monkeypatch.setenv("JUPYTER_PATH", warm.kernels())

    script = tmp_path / "01_small.py"
    script.write_text(SMALL)
    first = render(script)
    assert first == render(script)
    learners, everything = (nbformat.reads(text, as_version=4) for text in first)
    assert [text_of(c) for c in everything.cells][-3:] == ["not yet\n", "right\n", "told\n"]
    assert [text_of(c) for c in learners.cells][-3:] == ["not yet\n", "", ""]
    assert "answer = 2" in learners.cells[-2].source and learners.cells[-2].cell_type == "markdown"
    assert [c.execution_count for c in learners.cells if c.cell_type == "code"] == [1, 2, 3, 4]
