"""Resolve the dependencies anew and write requirements/*.txt (run it as `make lock`).

One resolution serves Python 3.10 to 3.13 on Linux, macOS and Windows (environment markers tell them apart), with a hash
for every file and no index address, so that any mirror will do. tf_keras stands in a file of its own because it asks
for `tensorflow` where we use `tensorflow-cpu`: the other files can then be installed by plain pip, this one without
its dependencies.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HEADER = "# Made by `make lock`; not to be edited by hand.\n"


def compile_to(name: str, source: str, *options: str, stdin: str | None = None) -> str:
    """Resolve `source` (a file, or "-" for `stdin`), write requirements/`name` and return its text."""
    print(f"requirements/{name}", flush=True)
    command = [sys.executable, "-m", "uv", "pip", "compile", source, "--quiet", "--upgrade"]
    command += ["--universal", "--python-version", "3.10", "--generate-hashes", "--no-header", "--no-annotate"]
    command += ["--no-emit-index-url", "--no-emit-find-links", *options]
    done = subprocess.run(command, cwd=ROOT, input=stdin, text=True, stdout=subprocess.PIPE, check=True)
    (ROOT / "requirements" / name).write_text(HEADER + done.stdout, encoding="utf-8")
    return done.stdout


def main() -> None:
    test = compile_to("test.txt", "pyproject.toml", "--extra", "lab", "--extra", "test", "--extra", "site")
    agree = ("--constraints", "requirements/test.txt")  # one version of a package in all files
    compile_to("lab.txt", "pyproject.toml", "--extra", "lab", *agree)
    series = re.search(r"^tensorflow==(\d+\.\d+)\.", test, re.MULTILINE)
    if series is None:
        raise LookupError("requirements/test.txt names no tensorflow version; tf_keras must be of the same series")
    compile_to("keras2.txt", "-", "--no-deps", stdin=f"tf_keras=={series[1]}.*\n")
    compile_to("build.txt", "-", *agree, stdin="hatchling\n")
    compile_to("bootstrap.txt", "-", stdin="pip\nuv\n")


if __name__ == "__main__":
    main()
