"""Make or refresh the environment behind `make lab` and `make test`. Standard library only: it runs before all else.

    python tools/env.py lab|test

Environment variables (make passes its own on): VENV, LOCK, TF, GPU, and PYTHON only where the caller chose one.
A complete environment is left alone: its stamp holds the hash of everything that it was made from.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:
    fcntl = None  # type: ignore[assignment]

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "requirements"
VENV = ROOT / (os.environ.get("VENV") or ".venv")
STAMP = VENV / "gradlab.json"
WINDOWS = os.name == "nt"
BIN = VENV / ("Scripts" if WINDOWS else "bin")
PYTHON = BIN / ("python.exe" if WINDOWS else "python")
CPU_BUILD = sys.platform == "linux" and platform.machine() == "x86_64"  # where tensorflow-cpu exists


def say(line: str) -> None:
    print(f"gradlab: {line}", flush=True)


def stop(message: str) -> None:
    sys.exit(f"gradlab: {message}")


def run(*command: str | Path, quiet: bool = False, **variables: str) -> None:
    """Run `command`; where it fails, stop with what it said (`quiet`: what it says on stderr is shown only then)."""
    pipe = subprocess.PIPE if quiet else None
    done = subprocess.run([str(part) for part in command], cwd=ROOT, env={**os.environ, **variables}, stderr=pipe)
    if done.returncode:
        sys.stderr.write((done.stderr or b"").decode(errors="replace"))
        line = " ".join(str(part) for part in command)
        stop(f"this command failed (exit {done.returncode}); what it said stands above.\n  {line}")


def settings() -> dict[str, str]:
    """The choices that make two environments different: changing one remakes the environment from nothing."""
    lock, tf, gpu = (os.environ.get(name, "").strip() for name in ("LOCK", "TF", "GPU"))
    if lock not in ("", "none"):
        stop(f"LOCK={lock} is not known. LOCK=none takes the newest releases; without LOCK the pinned ones are used.")
    if tf and not (tf[0].isdigit() and tf.count(".") == 2):
        stop(f"TF={tf} is no TensorFlow version of the form 2.16.* or 2.16.2.")
    if gpu not in ("", "0", "1"):
        stop(f"GPU={gpu} is not known. GPU=1 takes the build with CUDA; without GPU the CPU build is used.")
    if gpu == "1" and sys.platform != "linux":
        stop("GPU=1: TensorFlow has builds with CUDA for Linux only (on Windows: inside WSL 2).")
    if sys.platform == "darwin" and platform.machine() == "x86_64" and not lock and not tf:
        say("TensorFlow 2.16 is the last one for Intel Macs and the pins are newer: taking what fits (LOCK=none).")
        lock = "none"
    return {"lock": "none" if tf else lock, "tf": tf, "gpu": "1" if gpu == "1" else "", "root": str(ROOT)}


def fingerprint(kind: str) -> str:
    digest = hashlib.sha256()
    for path in [ROOT / "pyproject.toml", Path(__file__), *sorted(REQUIREMENTS.glob("*.txt"))]:
        if path.name not in ("lab.txt", "test.txt") or path.stem == kind:
            digest.update(path.read_bytes())
    return digest.hexdigest()


def read_stamp() -> dict[str, object]:
    try:
        stamp = json.loads(STAMP.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except ValueError:
        return {"broken": True}
    return stamp if isinstance(stamp, dict) else {"broken": True}


def answers(*command: str | Path) -> bool:
    try:
        return subprocess.run([str(part) for part in command], capture_output=True).returncode == 0
    except OSError:
        return False


def create() -> None:
    """An empty environment with pip and uv in it, whatever of venv, pip and uv this machine has."""
    if VENV.exists():
        if not STAMP.exists():
            stop(f"{VENV} was not made by this Makefile. Move it away, or choose another place: make lab VENV=.venv2")
        say(f"removing the old {VENV.name}")
        shutil.rmtree(VENV)
    say(f"making {VENV.name} with Python {platform.python_version()} ({sys.executable})")
    # Debian's Python lacks ensurepip (and so pip) until python3-venv is installed; the rest of venv is there.
    own_pip = answers(sys.executable, "-c", "import ensurepip")
    other_pip = own_pip or answers(sys.executable, "-m", "pip", "--version")
    if not other_pip and not shutil.which("uv") and shutil.which("apt-get") and os.geteuid() == 0:
        package = "python{}.{}-venv".format(*sys.version_info)
        say(f"this Python has neither ensurepip nor pip; fetching {package} with apt-get")
        answers("apt-get", "update", "-q")
        answers("apt-get", "install", "-q", "-y", "--no-install-recommends", package)
        own_pip = answers(sys.executable, "-c", "import ensurepip")
    try:
        run(sys.executable, "-m", "venv", *([] if own_pip else ["--without-pip"]), VENV)
    finally:
        if VENV.is_dir():
            STAMP.write_text("{}", encoding="utf-8")
    pins = ["--require-hashes", "-r", REQUIREMENTS / "bootstrap.txt"]
    quiet = ["--quiet", "--no-cache-dir", "--disable-pip-version-check"]
    if own_pip:
        run(PYTHON, "-m", "pip", "install", *quiet, *pins)
    elif other_pip:
        say("this Python has no ensurepip; its own pip fetches uv")
        run(sys.executable, "-m", "pip", "--python", PYTHON, "install", *quiet, *pins)
    elif shutil.which("uv"):
        say("this Python has neither ensurepip nor pip; the uv on the PATH fetches them")
        run("uv", "pip", "install", "--quiet", "--python", PYTHON, *pins)
    else:
        shutil.rmtree(VENV)
        stop(
            "this Python can make no environment: it has neither ensurepip nor pip, and there is no uv on the PATH.\n"
            "  Debian, Ubuntu:  apt-get install python3-venv\n"
            "  or another one:  make lab PYTHON=/path/to/python3.13"
        )


def install(kind: str, chosen: dict[str, str]) -> None:
    uv = [PYTHON, "-m", "uv", "pip"]
    here = {
        "VIRTUAL_ENV": str(VENV),
        "UV_PYTHON_DOWNLOADS": "never",
        # A proxy of a campus or a firm signs with a certificate that only the system's own store knows.
        "UV_SYSTEM_CERTS": os.environ.get("UV_SYSTEM_CERTS", "1"),
        "UV_CACHE_DIR": os.environ.get("UV_CACHE_DIR") or str(ROOT / ".cache" / "uv"),
    }
    extras = "lab,test" if kind == "test" else "lab"
    build = ["--build-constraints", "requirements/build.txt"]
    if chosen["lock"] == "" and chosen["gpu"] == "":
        say(f"installing the pinned packages of requirements/{kind}.txt (about 400 MB to fetch the first time)")
        pins = ["--require-hashes", f"requirements/{kind}.txt", "requirements/keras2.txt"]
        run(*uv, "sync", "--only-binary", ":all:", *pins, **here)
        run(*uv, "install", "--quiet", "--no-deps", *build, "--editable", ".", **here)
        return
    if chosen["gpu"]:
        wanted, overrides, extras = "tensorflow[and-cuda]", "requirements/gpu-only.txt", extras + ",gpu"
    else:
        wanted, overrides = ("tensorflow-cpu" if CPU_BUILD else "tensorflow"), "requirements/cpu-only.txt"
    options = ["--upgrade", "--overrides", overrides, "--editable", f".[{extras}]"]
    if chosen["lock"] == "":  # with CUDA: the pinned versions, and TensorFlow's own pins for the NVIDIA packages
        pinned = (REQUIREMENTS / "test.txt").read_text(encoding="utf-8")
        version = pinned.partition("\ntensorflow==")[2].split()[0]
        options += [*build, "--constraints", "requirements/test.txt"]
    else:
        version = chosen["tf"]
    if version:
        series = ".".join(version.split(".")[:2])
        options += [f"{wanted}=={version}", f"tf_keras=={series}.*"]
    else:
        options += [wanted, "tf_keras"]
    rest = "the newest that fits" if chosen["lock"] else "as pinned"
    say(f"installing {wanted} {version or '(newest)'}, the rest {rest}")
    run(*uv, "install", *options, **here)


@contextmanager
def alone() -> Iterator[None]:
    """One set-up at a time in this place: a second one waits, and says so. The lock goes with its process."""
    if fcntl is None:  # Windows, where there is no make to call this twice
        yield
        return
    VENV.parent.mkdir(parents=True, exist_ok=True)
    with VENV.with_name(VENV.name + ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"another set-up of {VENV.name} is going on; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main() -> None:
    if len(sys.argv) != 2 or sys.argv[1] not in ("lab", "test"):
        stop(f"usage: {Path(__file__).name} lab|test")
    chosen = settings()
    with alone():
        set_up(sys.argv[1], chosen)


def set_up(kind: str, chosen: dict[str, str]) -> None:
    stamp = read_stamp()
    same = all(stamp.get(name) == value for name, value in chosen.items())
    if os.environ.get("PYTHON"):
        same = same and stamp.get("python") == platform.python_version()
    kept = same and answers(PYTHON, "-c", "")
    made = stamp.get("made")
    if kept and isinstance(made, dict):
        # what serves the tests serves the lab
        if any(made.get(other) == fingerprint(other) for other in {kind, "test"}):
            return
    began = time.monotonic()
    if not kept:
        create()
        stamp = {**chosen, "python": platform.python_version()}
    STAMP.write_text(json.dumps({**stamp, "made": {}}), encoding="utf-8")
    install(kind, chosen)
    say("first import of TensorFlow (some seconds: Python compiles it)")
    # Where PYTHONDONTWRITEBYTECODE is set, as in many containers, each later start would compile TensorFlow anew: 20 s.
    run(PYTHON, "tools/check_env.py", quiet=True, PYTHONDONTWRITEBYTECODE="")
    STAMP.write_text(json.dumps({**stamp, "made": {kind: fingerprint(kind)}}), encoding="utf-8")
    say(f"{VENV.name} took {time.monotonic() - began:.0f} s; from now on it is only checked")


if __name__ == "__main__":
    main()
