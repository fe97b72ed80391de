"""The truth table: every popular claim, put to the test on Keras 3 and on legacy Keras, each in a process of its own.

Read in this order: `sources` (what is claimed, and where), `collect` (what one Keras version measures), `table` (both
versions put together, and what differs from a committed table), `page` (the table as Markdown).

- `configure`, `run`: the command `gradlab claims`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from gradlab.claims.page import page, summary
from gradlab.claims.table import build, differences, unmeasured
from gradlab.runtime.tf_environment import require_keras


def configure(parser: argparse.ArgumentParser) -> None:
    """Give the command its arguments."""
    parser.add_argument("--check", action="store_true", help="change nothing; compare the committed table with a run")
    parser.add_argument("--folder", type=Path, default=Path("docs"), help="where claims.md and claims.json are (docs)")


def run(arguments: argparse.Namespace) -> int:
    """Measure, print the table, write or check the files. 0: done, nothing differs; 1: not so; 2: it could not be
    measured."""
    try:
        require_keras(2)
    except (ModuleNotFoundError, RuntimeError) as error:
        return _stop(f"the table needs legacy Keras too: {error}")
    stored = arguments.folder / "claims.json"
    if arguments.check and not stored.is_file():
        return _stop(f"there is no file {stored} to check; `gradlab claims` writes it")
    try:
        with ThreadPoolExecutor(2) as pool:
            three, two = pool.map(_measured, (3, 2))
    except RuntimeError as error:
        return _stop(str(error))
    table = build({3: three, 2: two})
    print(summary(table))
    for name, reason in unmeasured(table).items():
        print(f"gradlab claims: no verdict on {name}: {reason}", file=sys.stderr)
    if arguments.check:
        return _check(json.loads(stored.read_text(encoding="utf-8")), table, stored)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    stored.write_text(as_text(table), encoding="utf-8")
    stored.with_suffix(".md").write_text(page(table), encoding="utf-8")
    print(f"written: {stored}, {stored.with_suffix('.md')}")
    return 1 if unmeasured(table) else 0


def as_text(table: dict[str, Any]) -> str:
    """The table as JSON with one claim or scenario a line, so that a change shows as the line that it is in."""

    def line(value: Any) -> str:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)

    parts = []
    for key, value in table.items():
        if isinstance(value, dict):
            value = "{\n" + ",\n".join(f"  {line(k)}: {line(v)}" for k, v in value.items()) + "\n }"
        elif isinstance(value, list):
            value = "[\n" + ",\n".join(f"  {line(v)}" for v in value) + "\n ]"
        else:
            value = line(value)
        parts.append(f" {line(key)}: {value}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _check(committed: dict[str, Any], table: dict[str, Any], stored: Path) -> int:
    found = differences(committed, table)
    markdown = stored.with_suffix(".md")
    if not markdown.is_file() or markdown.read_text(encoding="utf-8") != page(committed):
        found.append(f"{markdown} is not the page of {stored.name}; `gradlab claims` writes both")
    if committed["versions"] != table["versions"]:
        print(f"versions: {stored} was made with {committed['versions']}, this run used {table['versions']}")
    print("\n".join(f"differs: {line}" for line in found) or f"{stored} agrees with this run")
    return 1 if found else 0


def _measured(keras: int) -> dict[str, Any]:
    """What a fresh process measures with that Keras; TensorFlow takes the choice once, when it is imported."""
    environment = {**os.environ, "TF_USE_LEGACY_KERAS": "1" if keras == 2 else "0"}
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "measured.json"
        command = [sys.executable, "-m", "gradlab.claims.collect", str(keras), str(target)]
        code = subprocess.run(command, env=environment, check=False).returncode
        if code or not target.is_file():
            raise RuntimeError(f"Measuring with Keras {keras} ended with status {code}; its own words are above.")
        return dict(json.loads(target.read_text(encoding="utf-8")))


def _stop(sentence: str) -> int:
    print(f"gradlab claims: {sentence}", file=sys.stderr)
    return 2
