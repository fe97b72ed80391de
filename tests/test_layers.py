"""Who may import whom, read from the source and tried in a fresh interpreter."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "gradlab"
FILES = sorted(PACKAGE.rglob("*.py"))
PLAIN = {
    "__init__.py",
    "cli.py",
    "lab/__init__.py",
    "lab/reading.py",
    "lab/verdict.py",
    "lab/scenario.py",
    "lab/heatmap.py",
    "lab/scale.py",
    "panel/assemble.py",
    "panel/margin.py",
    "panel/scene.py",
    "panel/static_picture.py",
    "runtime/tf_environment.py",
}


def imports(path, everywhere):
    """Modules imported when the file is, or also those that wait inside a function. `if TYPE_CHECKING` does not count."""
    found = set()

    def visit(node, inside):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            return
        if isinstance(node, ast.Import) and (everywhere or not inside):
            found.update(a.name for a in node.names)
        if isinstance(node, ast.ImportFrom) and (everywhere or not inside):
            found.add(node.module)
        for child in ast.iter_child_nodes(node):
            visit(child, inside or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))

    visit(ast.parse(path.read_text(encoding="utf-8")), False)
    return {name for name in found if name}


def tops(path, everywhere=True):
    return {name.partition(".")[0] for name in imports(path, everywhere)}


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_only_the_panel_imports_widgets(path):
    if "panel" not in path.parts:
        assert not tops(path) & {"ipywidgets", "anywidget", "traitlets"}


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_nobody_draws_with_pyplot(path):
    drawn = {n for n in imports(path, True) if n.startswith("matplotlib.pyplot")}
    assert not drawn or path.name == "tf_loading.py", (
        "tf_loading.py alone touches pyplot, to switch its interactive mode off"
    )


@pytest.mark.parametrize("path", [PACKAGE / name for name in sorted(PLAIN)], ids=str)
def test_what_reads_and_draws_needs_no_tensorflow(path):
    assert not tops(path) & {"tensorflow", "keras", "tf_keras"}


@pytest.mark.parametrize("path", sorted((PACKAGE / "scenarios").glob("[a-z]*.py")), ids=lambda p: p.stem)
def test_a_scenario_imports_no_machinery(path):
    own = {n for n in imports(path, True) if n.startswith("gradlab")}
    assert own <= {"gradlab.lab.reading", "gradlab.lab.scenario", "gradlab.lab.by_hand"}


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        ("import gradlab; gradlab.names(); gradlab.Kind.OK", ("tensorflow", "matplotlib", "ipywidgets", "keras")),
        ("import gradlab.panel, gradlab.lab.heatmap", ("tensorflow", "matplotlib.pyplot", "keras")),
    ],
)
def test_importing_is_light(code, absent):
    check = f"{code}\nimport sys\nprint([m for m in {absent!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# --- the doctor: each part imports only parts before it (ARCHITECTURE.md draws them) --------------------------------

DOCTOR = PACKAGE / "doctor"
ORDER = ["op_types", "certainty", "recording", "source_code", "analysis", "report", "rules", "frontends"]


def test_each_part_of_the_doctor_imports_only_parts_before_it():
    found = set()
    for path in sorted(DOCTOR.rglob("*.py")):
        own = path.relative_to(DOCTOR).with_suffix("").parts[0]
        for name in imports(path, True):
            part = name.removeprefix("gradlab.doctor.").partition(".")[0] if name.startswith("gradlab.doctor.") else ""
            if own in ORDER and part in ORDER and ORDER.index(part) > ORDER.index(own):
                found.add((path.relative_to(DOCTOR).as_posix(), part))
    assert not found


def test_every_part_of_the_doctor_has_its_place_in_the_order():
    parts = {p.name for p in DOCTOR.iterdir() if p.is_dir() and (p / "__init__.py").exists()}
    parts |= {p.stem for p in DOCTOR.glob("[a-z]*.py")}
    assert parts == set(ORDER)


@pytest.mark.parametrize("folder", ["recording", "source_code", "analysis", "report", "rules"])
def test_the_doctor_uses_of_the_rest_of_the_package_only_the_vocabulary(folder):
    for path in (DOCTOR / folder).rglob("*.py"):
        others = {n for n in imports(path, True) if n.startswith("gradlab.") and not n.startswith("gradlab.doctor")}
        # One vocabulary for lab and doctor, and for all of gradlab one sentence about Keras' other backends, one about
        # a string where a list of names is meant, and one way to say an exception.
        alone = {"gradlab.lab.reading", "gradlab.runtime.keras_backend", "gradlab.runtime.arguments"}
        assert others <= alone | {"gradlab.runtime.exceptions"}, path


def test_a_rule_does_not_know_which_way_in_it_serves():
    for path in (DOCTOR / "rules").glob("*.py"):
        assert not {n for n in imports(path, True) if n.startswith("gradlab.doctor.frontends")}, path
        assert "session" not in tops_of_doctor(path), path


def tops_of_doctor(path):
    return {n.rpartition(".")[2] for n in imports(path, True) if n.startswith("gradlab.doctor.")}


# --- private TensorFlow: in the modules that are for it, and nowhere else ----------------------------------------------

PRIVATE = {
    "doctor/recording/tf_internals.py",
    "doctor/analysis/graph_functions.py",
    "lines/doctor_parts.py",
    "site/kernels.py",
}


def test_private_tensorflow_is_imported_in_a_few_modules_only():
    found = {
        path.relative_to(PACKAGE).as_posix()
        for path in FILES
        if any(name.startswith("tensorflow.python") for name in imports(path, True))
    }
    assert found == PRIVATE - {"doctor/recording/tf_internals.py"}, "tf_internals looks its names up by `_private`"
