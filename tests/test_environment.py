"""The files around the package: pins, the conda and Binder environment, the workflow, the set-up's own messages."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ("lab.txt", "test.txt", "keras2.txt", "build.txt", "bootstrap.txt")
SETTING = Path("share/jupyter/lab/settings/overrides.d/gradlab.json")
PYTHONS = ("3.10", "3.11", "3.12", "3.13")


def pins(name: str) -> list[tuple[str, str]]:
    """(package, "==version ; marker") of every requirement in requirements/`name`."""
    found = []
    for entry in (ROOT / "requirements" / name).read_text(encoding="utf-8").replace("\\\n", "").splitlines():
        if entry and not entry.startswith("#"):
            requirement = Requirement(entry.partition(" --hash")[0])
            found.append((canonicalize_name(requirement.name), f"{requirement.specifier} ; {requirement.marker}"))
    return found


def make(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    if shutil.which("make") is None:
        pytest.skip("there is no make here")
    return subprocess.run(["make", *arguments], cwd=ROOT, env={**clean, **variables}, text=True, capture_output=True)


def set_up(**variables: str) -> subprocess.CompletedProcess[str]:
    chosen = {"LOCK": "", "TF": "", "GPU": "", "PYTHON": "", **variables}
    return subprocess.run(
        [sys.executable, ROOT / "tools/env.py", "lab"], env={**os.environ, **chosen}, text=True, capture_output=True
    )


@pytest.mark.parametrize("name", LOCKS)
def test_lock_is_pinned_hashed_and_names_no_place(name: str) -> None:
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    assert pins(name)
    for entry in text.replace("\\\n", "").splitlines():
        if not entry.startswith("#"):
            assert re.fullmatch(r"[A-Za-z0-9_.-]+==[^\s;]+( ; [^\\]*?)?(\s+--hash=sha256:[0-9a-f]{64})+", entry), entry
    assert "://" not in text and "file:" not in text and not re.search(r"[a-z]\.(org|com|net|io)\b", text)


def test_locks_agree_with_each_other() -> None:
    test = set(pins("test.txt"))
    assert set(pins("lab.txt")) <= test
    known = {name for name, _ in test}
    assert {pin for pin in pins("build.txt") if pin[0] in known} <= test


def test_locks_hold_what_the_package_asks_for() -> None:
    for asked in metadata.requires("tf-gradlab") or []:
        requirement = Requirement(asked)
        extra = re.search(r'extra == "?\'?(\w+)', asked)
        name = canonicalize_name(requirement.name)
        if extra is None or extra[1] == "lab":
            found = [pin for pin in pins("lab.txt") if pin[0] == name]
        elif extra[1] == "test":
            found = [pin for pin in pins("test.txt") if pin[0] == name]
        else:
            continue
        assert found, f"{asked} is not pinned; run: make lock"
        for _, pin in found:
            version = pin.split(" ;")[0].removeprefix("==")
            assert requirement.specifier.contains(version), f"{asked} is pinned to {version}"


def test_every_python_gets_one_tensorflow_and_tf_keras_is_of_its_series() -> None:
    from packaging.markers import Marker

    series = dict(pins("keras2.txt"))["tf-keras"].split(" ;")[0].removeprefix("==").split(".")[:2]
    for python in PYTHONS:
        for system, machine in [("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "arm64"), ("win32", "AMD64")]:
            place = {"python_version": python, "python_full_version": f"{python}.0"}
            place |= {"sys_platform": system, "platform_machine": machine}
            chosen = []
            for name, pin in pins("lab.txt"):
                version, _, marker = pin.partition(" ; ")
                if name in ("tensorflow", "tensorflow-cpu") and (marker == "None" or Marker(marker).evaluate(place)):
                    chosen.append((name, version.removeprefix("==").split(".")[:2]))
            build = "tensorflow-cpu" if (system, machine) == ("linux", "x86_64") else "tensorflow"
            assert chosen == [(build, series)], (python, system, machine)


def test_conda_and_binder_install_the_same_pins() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    assert environment["channels"] == ["conda-forge"]
    python, pip, packages = environment["dependencies"]
    assert python.removeprefix("python=") in PYTHONS and pip == "pip"
    assert packages == {"pip": ["-r requirements/lab.txt"]}
    # conda and mamba resolve -r beside the file they are given: the top one, or Binder's link to it
    for folder in (ROOT, ROOT / "binder"):
        assert (folder / "environment.yml").resolve() == ROOT / "environment.yml"
        assert (folder / "requirements/lab.txt").resolve() == ROOT / "requirements/lab.txt"
    for link in ("environment.yml", "requirements"):
        assert (ROOT / "binder" / link).readlink() == Path("..") / link  # relative: it holds in any clone


@pytest.mark.parametrize("script", [".ci/run", "binder/postBuild"])
def test_script_is_executable_and_parses(script: str) -> None:
    assert os.access(ROOT / script, os.X_OK)
    assert subprocess.run(["bash", "-n", ROOT / script]).returncode == 0


def test_workflow_runs_the_readmes_command_at_both_ends() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/test.yml").read_text(encoding="utf-8"))
    jobs = workflow["jobs"]
    for name, job in jobs.items():
        assert job["steps"][-1]["run"].startswith("make test"), name
    cells = jobs["test"]["strategy"]["matrix"]["include"]
    assert {cell["python"] for cell in cells} >= {PYTHONS[0], PYTHONS[-1]}
    assert {cell["tf"] for cell in cells} == {"2.16.*", ""}
    assert any(cell.get("legacy") for cell in cells)
    assert "-m ''" in jobs["whole"]["steps"][-1]["run"]
    parts = [part["tests"] for part in jobs["whole"]["strategy"]["matrix"]["include"]]
    assert {"tests/test_notebooks.py", "tests/doctor", "tests/test_scenarios.py"} <= set(" ".join(parts).split())
    for pattern in " ".join(parts).split():
        assert list(ROOT.glob(pattern)), pattern
    assert "LOCK=none" in jobs["newest"]["steps"][-1]["run"]
    assert workflow[True]["schedule"]  # YAML 1.1 reads the key `on` as true
    assert jobs["gpu"]["runs-on"] == ["self-hosted", "gpu"]
    assert jobs["gpu"]["env"] == {"GRADLAB_DEVICE": "/GPU:0"}


def test_setting_reaches_jupyterlab() -> None:
    """The shipped file lies where JupyterLab looks, and JupyterLab's own reader makes it the default."""
    from jupyterlab.commands import get_app_dir
    from jupyterlab_server.settings_utils import get_settings

    shipped, installed = ROOT / SETTING, Path(sys.prefix) / SETTING
    assert installed.exists(), "install gradlab into this environment: make env"
    assert json.loads(installed.read_text(encoding="utf-8")) == json.loads(shipped.read_text(encoding="utf-8"))
    app, extensions = Path(get_app_dir()), [str(Path(sys.prefix, "share/jupyter/labextensions"))]
    read = {}
    for plugin, values in json.loads(shipped.read_text(encoding="utf-8")).items():
        found, _ = get_settings(
            str(app / "settings"),
            str(app / "schemas"),
            str(app / "no-user-settings"),
            schema_name=plugin,
            labextensions_path=extensions,
        )
        for key, value in values.items():
            read[key] = (found["schema"]["properties"][key]["default"], value)
    assert read and all(found == wanted for found, wanted in read.values()), read


@pytest.mark.skipif(
    not (Path(sys.prefix) / "gradlab.json").exists(), reason="tools/env.py did not make this environment"
)
def test_what_is_started_often_is_compiled() -> None:
    """Each notebook's kernel and each command would compile TensorFlow anew, where PYTHONDONTWRITEBYTECODE is set."""
    for name in ("tensorflow", "keras", "ipykernel.kernelapp", "matplotlib.pyplot"):
        found = importlib.util.find_spec(name)
        assert found is not None and found.cached is not None and Path(found.cached).exists(), name


def test_exactly_one_tensorflow_is_installed() -> None:
    names = {canonicalize_name(found.metadata["Name"]) for found in metadata.distributions()}
    assert len(names & {"tensorflow", "tensorflow-cpu"}) == 1


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"LOCK": "newest"}, "LOCK=newest is not known"),
        ({"TF": "two"}, "TF=two is no TensorFlow version"),
        ({"GPU": "yes"}, "GPU=yes is not known"),
    ],
)
def test_set_up_says_what_is_wrong_with_a_variable(tmp_path: Path, variables: dict[str, str], message: str) -> None:
    done = set_up(VENV=str(tmp_path / "venv"), **variables)
    assert done.returncode != 0 and message in done.stderr
    assert not (tmp_path / "venv").exists()


def test_a_second_set_up_waits_for_the_first(tmp_path: Path) -> None:
    fcntl = pytest.importorskip("fcntl")
    (tmp_path / "venv").mkdir()
    (tmp_path / "venv" / "kept").write_text("mine")
    command = [sys.executable, ROOT / "tools/env.py", "lab"]
    variables = {**os.environ, "VENV": str(tmp_path / "venv"), "LOCK": "", "TF": "", "GPU": "", "PYTHON": ""}
    with (tmp_path / "venv.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        waiting = subprocess.Popen(command, env=variables, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert waiting.stdout is not None and "waiting for it" in waiting.stdout.readline()
        assert waiting.poll() is None
    assert waiting.wait() != 0  # now it looks, and finds an environment that is not its own
    assert waiting.stderr is not None and "was not made by this Makefile" in waiting.stderr.read()


def test_set_up_leaves_a_strangers_environment_alone(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("mine")
    done = set_up(VENV=str(tmp_path))
    assert done.returncode != 0 and "was not made by this Makefile" in done.stderr
    assert (tmp_path / "kept").read_text() == "mine"


def test_set_up_refuses_an_unsuitable_python(tmp_path: Path) -> None:
    old = tmp_path / "python2"
    old.write_text("#!/bin/sh\ncase $1 in --version) echo Python 2.7.18;; *) exit 1;; esac\n")
    old.chmod(0o755)
    done = make("env", f"PYTHON={old}", f"VENV={tmp_path / 'venv'}")
    assert done.returncode != 0
    assert f"PYTHON={old} is no Python 3.10 to 3.13 (Python 2.7.18)" in done.stderr


def test_lab_listens_on_this_machine_only() -> None:
    done = make("--dry-run", "lab")
    assert "--ServerApp.ip=127.0.0.1" in done.stdout, done.stderr


@pytest.fixture(scope="module")
def other_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a stand-in for the other project called gradlab, installed there by pip from a wheel."""
    folder = tmp_path_factory.mktemp("other")
    wheel, info = folder / "gradlab-0.2.2-py3-none-any.whl", "gradlab-0.2.2.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("gradlab/__init__.py", "agents = 'another project'\n")
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: gradlab\nVersion: 0.2.2\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-index",
        "--no-deps",
        "--target",
        folder / "site",
    ]
    subprocess.run([*command, wheel], check=True)
    return folder / "site"


def python(*arguments: str, path: list[Path]) -> subprocess.CompletedProcess[str]:
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path))}
    return subprocess.run([sys.executable, *arguments], env=variables, text=True, capture_output=True, cwd=ROOT.anchor)


def test_the_command_says_that_another_project_has_the_name(other_project: Path) -> None:
    done = python("-m", "tf_gradlab", "list", path=[other_project, ROOT])
    assert done.returncode == 2
    assert "gives another project, `gradlab` 0.2.2" in done.stderr and "pip uninstall gradlab tf-gradlab" in done.stderr


def test_the_first_import_and_the_command_say_that_another_project_is_there_too(other_project: Path) -> None:
    done = python("-c", "import gradlab; print(len(gradlab.names()) > 40)", path=[ROOT, other_project])
    assert done.stdout.strip() == "True"
    assert "another project, `gradlab` 0.2.2, is installed beside tf-gradlab" in done.stderr
    done = python("-m", "tf_gradlab", "list", path=[ROOT, other_project])
    assert done.returncode == 2 and "Both own the folder" in done.stderr


def test_alone_nothing_is_said() -> None:
    done = python("-m", "tf_gradlab", "list", path=[ROOT])
    assert done.returncode == 0 and done.stderr == "" and "integer_cast" in done.stdout
