"""The computed positions of a panel on disk, under a hash of everything that they depend on.

A file of its own for each panel, so that a build that was interrupted goes on with the panel where it stopped, and a
scenario that was edited costs no other. The first line is what the panel has once, each further line one position.

- `Chunk`: a panel with the limit of its positions, and the file that holds them or will.
- `head`: the first line of that file; `read`: all of it; `write`: write it.
"""

from __future__ import annotations

import gzip
import hashlib
import importlib.metadata
import json
import math
import os
import platform
import sys
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from gradlab.runtime.tf_environment import chosen_keras
from gradlab.site.compute import INFLUENCE

PACKAGE = Path(__file__).parents[1]
# The rooms whose code decides what a panel shows.
MEASURES = ("lab", "lines", "panel", "doctor", "jacobians", "runtime")
OWN = ("compute.py", "grid.py", "kernels.py")


@dataclass(frozen=True)
class Chunk:
    """One panel with at most `most` positions, and its file."""

    name: str
    most: int
    file: Path


def chunk_of(name: str, most: int, folder: Path) -> Chunk:
    """The chunk of one panel."""
    key = hashlib.sha256(f"{fingerprint(name)} {most}".encode()).hexdigest()[:20]
    return Chunk(name, most, folder / f"{name}-{key}.jsonl.gz")


def head(chunk: Chunk) -> dict[str, Any] | None:
    """What `compute.panel_computed` gives, without the positions; None where there is no file, or what is there can't be
    read: it is computed again."""
    lines = _lines(chunk)
    return None if lines is None else lines[0]


def read(chunk: Chunk) -> dict[str, Any] | None:
    """The same with the positions."""
    lines = _lines(chunk)
    return None if lines is None else {**lines[0], "positions": [json.loads(line) for line in lines[1]]}


def _lines(chunk: Chunk) -> tuple[dict[str, Any], list[bytes]] | None:
    """(the first line as it was written, the others as they are)."""
    try:
        first, *rest = gzip.decompress(chunk.file.read_bytes()).splitlines()
        found = json.loads(first)
        whole = math.prod(len(axis["values"]) for axis in found["grid"])
    except (OSError, EOFError, zlib.error, ValueError, LookupError, TypeError):
        return None
    return (found, rest) if len(rest) == whole else None


def write(chunk: Chunk, found: Mapping[str, Any]) -> None:
    """Write the file of a chunk whole or not at all (OSError)."""
    beside = chunk.file.with_name(f".{chunk.file.name}.{os.getpid()}")
    lines = [{key: value for key, value in found.items() if key != "positions"}, *found["positions"]]
    try:
        beside.write_bytes(gzip.compress("\n".join(json.dumps(line) for line in lines).encode(), 5, mtime=0))
        os.replace(beside, chunk.file)
    finally:
        beside.unlink(missing_ok=True)


def sweep(folder: Path, keep: set[Path]) -> None:
    """Remove the files of chunks of an older state of the same panels."""
    names = {path.name.rpartition("-")[0] for path in keep}
    for path in folder.glob("*.gz"):
        if path not in keep and path.name.partition("-")[0] in names:
            path.unlink(missing_ok=True)


@lru_cache(maxsize=256)
def fingerprint(name: str) -> str:
    """A hash of the scenario's file and its question, of the code that measures and words it, and of the versions that it
    runs on."""
    digest = hashlib.sha256(_measuring().encode())
    if name != INFLUENCE:
        for file in (PACKAGE / "scenarios" / f"{name}.py", PACKAGE / "questions" / f"{name}.yaml"):
            digest.update(file.read_bytes() + b"\0")
    return digest.hexdigest()


@lru_cache(maxsize=1)
def _measuring() -> str:
    digest = hashlib.sha256()
    files = [path for room in MEASURES for path in sorted((PACKAGE / room).rglob("*.py"))]
    for path in [*files, *(PACKAGE / "site" / own for own in OWN)]:
        digest.update(path.relative_to(PACKAGE).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    versions = [platform.machine(), sys.version_info[:2], chosen_keras(), *(_version(p) for p in ("tensorflow", "tensorflow-cpu", "keras", "tf_keras", "numpy", "matplotlib"))]  # fmt: skip
    return digest.hexdigest() + repr(versions)


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""
