"""Computed positions on disk, in chunks, each under a hash of everything that it depends on.

A chunk is a file of its own, so that a build that was interrupted goes on where it stopped, and a scenario that was edited
costs no other.
"""

from __future__ import annotations

import gzip
import hashlib
import importlib.metadata
import json
import os
import platform
import sys
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from gradlab.runtime.tf_environment import chosen_keras
from gradlab.site.compute import INFLUENCE

PACKAGE = Path(__file__).parents[1]
MEASURES = (
    "lab",
    "lines",
    "panel",
    "doctor",
    "jacobians",
    "runtime",
)  # the rooms whose code decides what a panel shows
OWN = ("compute.py", "kernels.py")
SIZE = 24  # positions of a chunk: some ten seconds of work, so that little is lost and every core has some


@dataclass(frozen=True)
class Chunk:
    """Some positions of one panel. `first`: also what the panel has once, its page, its picture and its training."""

    name: str
    positions: tuple[tuple[tuple[str, Any], ...], ...]
    first: bool
    file: Path

    def knobs(self) -> list[dict[str, Any]]:
        """The positions as dicts."""
        return [dict(position) for position in self.positions]


def chunks_of(name: str, positions: Sequence[Mapping[str, Any]], folder: Path) -> list[Chunk]:
    """The chunks of one panel, with the files that hold them or will."""
    found = []
    for start in range(0, len(positions), SIZE):
        part = tuple(tuple(position.items()) for position in positions[start : start + SIZE])
        key = hashlib.sha256(f"{fingerprint(name)} {part!r} {start == 0}".encode()).hexdigest()[:20]
        found.append(Chunk(name, part, start == 0, folder / f"{name}-{start // SIZE:03d}-{key}.json.gz"))
    return found


def read(chunk: Chunk) -> dict[str, Any] | None:
    """What the file of a chunk holds; None where there is none, or what is there can't be read: it is computed again."""
    try:
        found = json.loads(gzip.decompress(chunk.file.read_bytes()))
    except (OSError, EOFError, zlib.error, ValueError):
        return None
    whole = isinstance(found, dict) and len(found.get("positions", ())) == len(chunk.positions)
    return found if whole else None


def write(chunk: Chunk, found: Mapping[str, Any]) -> None:
    """Write the file of a chunk whole or not at all (OSError)."""
    beside = chunk.file.with_name(f".{chunk.file.name}.{os.getpid()}")
    try:
        beside.write_bytes(gzip.compress(json.dumps(found).encode(), 5, mtime=0))
        os.replace(beside, chunk.file)
    finally:
        beside.unlink(missing_ok=True)


def sweep(folder: Path, keep: set[Path]) -> None:
    """Remove the files of chunks of an older state of the same panels."""
    names = {path.name.rsplit("-", 2)[0] for path in keep}
    for path in folder.glob("*.json.gz"):
        if path not in keep and path.name.rsplit("-", 2)[0] in names:
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
