"""Python with TensorFlow imported before: a test that needs a process of its own does not wait for the import each time.

`python(keras)` stands where `[sys.executable]` would. The first call starts `server.py`, which imports TensorFlow, runs no
operation, and forks for each program, so what a program does to its process stays in that process. What differs from a
Python that is started anew: the modules are there before the first line, and what Python itself reads at its start
(PYTHONIOENCODING, `-W`) has no effect. A test of how gradlab itself starts needs `sys.executable`.
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from gradlab.runtime.tf_environment import chosen_keras

HERE = Path(__file__).parent
FORKS = sys.platform == "linux"  # elsewhere a fork after TensorFlow's import is not safe, and Python starts anew
INLINE = (
    "module://matplotlib_inline.backend_inline"  # what a kernel would choose, and what matplotlib reads at its import
)


def _folder() -> Path:
    folder = tempfile.mkdtemp(prefix="warm-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


@functools.cache
def _server(keras: int) -> tuple[subprocess.Popen[str], str]:
    """The process that forks, and its address. It ends when its standard input does: with this process."""
    address = str(_folder() / "socket")
    environment = {**os.environ, "TF_USE_LEGACY_KERAS": "1" if keras == 2 else "0"}
    environment.pop("PYTHONPATH", None)  # each program brings its own
    server = subprocess.Popen(
        [sys.executable, str(HERE / "server.py"), address],
        env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert server.stdout is not None
    if server.stdout.readline().strip() != "ready":
        raise RuntimeError(f"{HERE / 'server.py'} ended with status {server.wait()} before it was ready.")
    return server, address


def python(keras: int) -> list[str]:
    """The beginning of a command: Python with TensorFlow and that Keras (3 or 2) imported."""
    if not FORKS:
        return [sys.executable]
    return [sys.executable, "-I", "-S", str(HERE / "client.py"), _server(keras)[1]]


@functools.cache
def kernels() -> str:
    """A value for JUPYTER_PATH under which the kernel `python3` is such a Python with Keras 3, and else is what it always is.

    Where the environment asks for legacy Keras a notebook chooses Keras 3 itself, which it can't once TensorFlow is there.
    """
    if not FORKS or chosen_keras() == 2:
        return os.environ.get("JUPYTER_PATH", "")
    folder = _folder()
    spec = folder / "kernels" / "python3" / "kernel.json"
    spec.parent.mkdir(parents=True)
    argv = [*python(3), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    made = {"argv": argv, "display_name": "Python 3 (ipykernel)", "language": "python"}
    spec.write_text(json.dumps({**made, "env": {"MPLBACKEND": INLINE}}))
    return str(folder)
