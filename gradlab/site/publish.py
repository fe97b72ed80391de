"""Put a finished site in the place of the old one, whole or not at all."""

from __future__ import annotations

import os
import shutil
import zipfile
from pathlib import Path

MARK = ".gradlab-site"  # in each folder that we made; any other folder is left alone
SKIPPED = (".buildinfo", "objects.inv", ".map", ".doctrees")  # of Sphinx's own, which no reader asks for


class NotOurs(FileExistsError):
    """The target is a file, or a folder with something that this command did not make."""


def claim(target: Path) -> None:
    """Raise what would be raised at the end: NotOurs for a folder of somebody's, OSError where nothing can be written."""
    if target.exists() and not target.is_dir():
        raise NotOurs(f"{target} is a file; expected a folder for the site, or nothing")
    if target.is_dir() and any(target.iterdir()) and not (target / MARK).is_file():
        raise NotOurs(f"{target} is not empty, and was not made by gradlab site; name another folder, or empty it")
    target.parent.mkdir(parents=True, exist_ok=True)
    for folder in (target.parent, *([target] if target.is_dir() else [])):
        tried = folder / f".gradlab-tried-{os.getpid()}"
        try:
            tried.write_bytes(b"?")
        finally:
            tried.unlink(missing_ok=True)


def publish(made: Path, target: Path, instead: Path | None = None) -> tuple[int, int]:
    """Copy `made` beside the target and exchange the two. (bytes, pages) of the site. OSError leaves the target as it was.

    A file that is also below `instead` is taken from there.
    """
    beside, old = (target.with_name(f".{target.name}.{word}-{os.getpid()}") for word in ("new", "old"))
    size = pages = 0
    try:
        beside.mkdir()
        for file in sorted(made.rglob("*")):
            inside = file.relative_to(made)
            if file.is_dir() or any(word in part for part in inside.parts for word in SKIPPED):
                continue
            copy = beside / inside
            copy.parent.mkdir(parents=True, exist_ok=True)
            other = None if instead is None else instead / inside
            shutil.copyfile(other if other and other.is_file() else file, copy)
            size += copy.stat().st_size
            pages += file.suffix == ".html"
        (beside / MARK).write_text("Made by gradlab site; a new build replaces this folder.\n", encoding="utf-8")
        (beside / ".nojekyll").write_text("", encoding="utf-8")  # else GitHub Pages leaves out folders named _static
        if target.exists():
            os.rename(target, old)
        try:
            os.rename(beside, target)
        except OSError:
            if old.exists():
                os.rename(old, target)
            raise
    finally:
        shutil.rmtree(beside, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
    return size, pages


def zipped(site: Path, file: Path) -> None:
    """The site as a zip with one folder in it, the same bytes for the same site. OSError leaves an older zip as it was."""
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with zipfile.ZipFile(beside, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            for path in sorted(p for p in site.rglob("*") if p.is_file()):
                info = zipfile.ZipInfo(f"gradlab-site/{path.relative_to(site).as_posix()}", (2020, 1, 1, 0, 0, 0))
                info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
                archive.writestr(info, path.read_bytes())
        os.replace(beside, file)
    finally:
        beside.unlink(missing_ok=True)
