"""The site, from the checkout to the folder: compute, write what Sphinx is given, run it, and put the result in place.

The folder that is there stays as it is until the new one is whole.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gradlab.authoring.notebooks import write_whole
from gradlab.site import answers, bundle, farm
from gradlab.site.bases import BASES
from gradlab.site.chunks import fingerprint, sweep
from gradlab.site.compute import INFLUENCE, all_names
from gradlab.site.export import page_of
from gradlab.site.grid import MOST
from gradlab.site.lessons import answers_of, panels_of
from gradlab.site.pack import Base
from gradlab.site.pages import HOME
from gradlab.site.pictures import webp
from gradlab.site.plan import Plan, chunks, plans
from gradlab.site.publish import claim, publish, zipped
from gradlab.site.sources import read_notebooks, sources, write

HERE = Path(__file__).parent
COLOURS = 64  # of a panel's static picture: a third of the bytes, and no difference that is seen


class SphinxFailed(RuntimeError):
    """Sphinx found an error or a broken link; the message is what it said."""


class ZipFailed(RuntimeError):
    """The site is in place, its zip is not; the message says both. An older zip is what it was."""


@dataclass(frozen=True)
class Options:
    """What `gradlab site` can be asked for."""

    target: Path
    root: Path = Path(".")
    cache: Path = Path(".cache/site")
    jobs: int = field(default_factory=lambda: os.cpu_count() or 1)
    most: int = MOST
    notebooks: Sequence[str] | None = None  # only these lessons, and the panels that they and the first page show
    reference: bool = True  # the pages for which programs are run: the API, the command line, what the doctor says
    zip: Path | None = None


@dataclass(frozen=True)
class Built:
    """What a build took and made."""

    cost: farm.Cost
    positions: int
    whole: int
    bytes: int
    pages: int
    seconds: float


def build(options: Options, say: Callable[[str], None] = print) -> Built:
    """Build the site into `options.target`.

    Raises `publish.NotOurs` for a folder that holds something else, OSError where something can't be written, `NoCheckout`
    without notebooks, `sources.Broken` for a notebook that is damaged or shows a panel without a scenario, `farm.Failed` for a panel
    that can't be measured, SphinxFailed for a broken page. In each case the target is what it was before. ZipFailed: the
    target is the new site.
    """
    began = time.perf_counter()
    notebooks = read_notebooks(options.root, options.notebooks)
    claim(options.target)  # an hour of work is not begun for a folder that can't be written
    names = all_names()
    if options.notebooks is not None:
        shown = {HOME, *(name for notebook in notebooks.values() for name in panels_of(notebook))}
        names = [name for name in names if name in shown]
    wanted = chunks(names, options.cache, options.most)
    cost = farm.compute(wanted, options.jobs, say)
    planned = plans(wanted)
    sweep(options.cache / "positions", {chunk.file for chunk in wanted})
    files, words = panel_files(planned, options.cache)
    files |= {"_static/gradlab.js": bundle.script().encode(), "_static/gradlab.css": bundle.style().encode()}
    reports, said = (none_reports(options.cache), helps(options.cache)) if options.reference else ({}, None)
    tried = {
        which: answers.element(answers.ran(*which, options.cache, _environment()))
        for notebook in notebooks.values()
        for which in answers_of(notebook)
    }
    first = HOME if HOME in words else planned[0].name
    needed = [name for name in (first, BASES.get(first)) if name in words]
    data = "".join(str(files[f"_static/panels/{name}.js"]) for name in needed)
    one = page_of(first, data, bytes(files[f"_static/panels/{first}.webp"]), words[first])  # type: ignore[arg-type]
    tree = tree_sheet(options.cache) if options.reference else None
    found = sources(options.root, notebooks, planned, words, reports, said, tried, (one, tree))
    made_of = {**found, **files}
    write(options.cache / "source", made_of)
    stamp, now = options.cache / "pages.sha256", _digest(made_of)
    whole = (options.cache / "html" / "index.html").is_file() and stamp.is_file()
    if not whole or stamp.read_text(encoding="utf-8") != now:
        say("making the pages")
        stamp.unlink(missing_ok=True)
        sphinx(options.cache)
        stamp.write_text(now, encoding="utf-8")
    size, pages = publish(options.cache / "html", options.target)
    if options.zip is not None:
        try:
            zipped(options.target, options.zip)
        except OSError as error:
            raise ZipFailed(f"{options.target} is new and whole, but its zip could not be written: {error}") from error
    positions, of = (sum(getattr(plan, key) for plan in planned) for key in ("count", "whole"))
    return Built(cost, positions, of, size, pages, time.perf_counter() - began)


def panel_files(planned: Sequence[Plan], cache: Path) -> tuple[dict[str, str | bytes], dict[str, str]]:
    """({path: content} of each panel's data and picture, {panel: the words of its picture}), packed once."""
    files: dict[str, str | bytes] = {}
    words = {}
    folder = cache / "packed"
    folder.mkdir(parents=True, exist_ok=True)
    kept = set()
    code = b"".join((HERE / own).read_bytes() for own in ("pack.py", "pictures.py"))
    keys = {plan.name: plan.chunk.file.name for plan in planned}
    texts: dict[str, str] = {}
    for plan in sorted(planned, key=lambda plan: plan.name in BASES):  # a base comes before those who need it
        other = BASES.get(plan.name, "")
        key = hashlib.sha256(f"{keys[plan.name]} {keys.get(other)} {COLOURS}".encode() + code)
        file = folder / f"{plan.name}-{key.hexdigest()[:20]}.json"
        kept.add(file)
        try:
            made = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            packed, picture = plan.packed(Base(other, texts[other]) if other in texts else None)
            small = base64.b64encode(webp(base64.b64decode(picture["png"]), plan.name, COLOURS)).decode("ascii")
            made = {"packed": packed, "picture": small, "words": picture["words"]}
            file.write_text(json.dumps(made), encoding="utf-8")
        texts[plan.name] = made["packed"]
        files[f"_static/panels/{plan.name}.js"] = bundle.data(plan.name, made["packed"])
        files[f"_static/panels/{plan.name}.webp"] = base64.b64decode(made["picture"])
        words[plan.name] = made["words"]
    for old in set(folder.glob("*.json")) - kept:
        old.unlink(missing_ok=True)
    return files, words


def none_reports(cache: Path) -> dict[str, tuple[str, str]]:
    """{name: (program, what `gradlab explain` says of it)} of the programs in `none/`, run once for each state of the code."""
    key = fingerprint(INFLUENCE)  # the doctor and the versions are in it, and no scenario
    found = {}
    for file in sorted((HERE / "none").glob("*.py")):
        program = file.read_text(encoding="utf-8")
        called = hashlib.sha256((key + program).encode() + Path(__file__).read_bytes()).hexdigest()[:20]
        kept = cache / "none" / f"{file.stem}-{called}.txt"
        if not kept.is_file():
            command = [sys.executable, "-m", "gradlab.cli", "explain", file.name]
            with (
                tempfile.TemporaryDirectory() as folder
            ):  # a file inside of gradlab is not the user's: no line of it is named
                shutil.copy(file, folder)
                done = subprocess.run(command, cwd=folder, env=_environment(), capture_output=True, text=True)
            if not done.stdout.strip():
                raise farm.Failed(f"gradlab explain {file.name} printed no report:\n{done.stderr[-2000:]}")
            kept.parent.mkdir(parents=True, exist_ok=True)
            write_whole(kept, done.stdout.replace(os.path.realpath(folder) + os.sep, "").replace(folder + os.sep, ""))
        found[file.stem] = (program, kept.read_text(encoding="utf-8"))
    return found


def helps(cache: Path) -> dict[str, str]:
    """{command: what it says with --help}, asked in a process of its own, for three of them load TensorFlow."""
    code = b"".join(
        f.read_bytes() for f in (HERE.parent / "cli.py", HERE / "command.py", HERE.parent / "claims" / "__init__.py")
    )
    kept = cache / f"helps-{hashlib.sha256(fingerprint(INFLUENCE).encode() + code).hexdigest()[:20]}.json"
    if not kept.is_file():
        program = "import json; from gradlab import cli; print(json.dumps(cli.helps()))"
        environment = {**_environment(), "COLUMNS": "76"}
        done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
        if done.returncode:
            raise farm.Failed(f"the commands could not be asked for their help:\n{done.stderr[-2000:]}")
        for old in cache.glob("helps-*.json"):
            old.unlink(missing_ok=True)
        write_whole(kept, done.stdout)
    found: dict[str, str] = json.loads(kept.read_text(encoding="utf-8"))
    return found


def tree_sheet(cache: Path) -> str:
    """The decision tree as one page of A4, made in a process of its own: its rules load TensorFlow."""
    code = (HERE.parent / "authoring" / "decision_tree.py").read_bytes()
    kept = cache / f"tree-{hashlib.sha256(fingerprint('influence').encode() + code).hexdigest()[:20]}.html"
    if not kept.is_file():
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "tree.html"
            command = [sys.executable, "-m", "gradlab.cli", "tree", "--sheet", str(file)]
            done = subprocess.run(command, env=_environment(), capture_output=True, text=True)
            if done.returncode or not file.is_file():
                raise farm.Failed(f"gradlab tree --sheet made no page:\n{done.stderr[-2000:]}")
            text = file.read_text(encoding="utf-8")
        for old in cache.glob("tree-*.html"):
            old.unlink(missing_ok=True)
        write_whole(kept, text)
    return kept.read_text(encoding="utf-8")


def sphinx(cache: Path) -> None:
    """Run Sphinx, every warning an error. What did not change is not made again, unless our settings or a version did.

    Sphinx goes by the times of templates, and a checkout gives a file whatever time it likes.
    """
    settings, now = cache / "settings.sha256", _settings()
    if not settings.is_file() or settings.read_text(encoding="utf-8") != now:
        settings.unlink(missing_ok=True)
        for folder in (cache / "doctrees", cache / "html"):
            shutil.rmtree(folder, ignore_errors=True)
        write_whole(settings, now)
    command = [sys.executable, "-m", "sphinx", "-n", "-W", "--keep-going", "-q", "-b", "html"]
    command += ["-c", str(HERE / "sphinx"), "-D", f"html_static_path={cache.resolve() / 'source' / '_static'}"]
    command += ["-d", str(cache / "doctrees"), str(cache / "source"), str(cache / "html")]
    done = subprocess.run(command, env=_environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise SphinxFailed(f"Sphinx made no clean site:\n{done.stdout[-6000:]}")


def _digest(made_of: Mapping[str, str | bytes]) -> str:
    """A hash of all that the pages depend on: what Sphinx is given, its settings, the docstrings, the versions."""
    digest = hashlib.sha256()
    for path, content in sorted(made_of.items()):
        digest.update(path.encode() + b"\0" + (content.encode() if isinstance(content, str) else content) + b"\0")
    for file in sorted(HERE.parent.rglob("*.py")):
        digest.update(file.read_bytes())
    digest.update(_settings().encode())
    return digest.hexdigest()


def _settings() -> str:
    """A hash of Sphinx's settings and templates, and of the versions of it."""
    digest = hashlib.sha256()
    for file in sorted(f for f in (HERE / "sphinx").rglob("*") if f.suffix in (".py", ".html")):
        digest.update(file.read_bytes())
    for package in ("sphinx", "myst-nb", "pydata-sphinx-theme"):
        digest.update(importlib.metadata.version(package).encode())
    return digest.hexdigest()


def _environment() -> dict[str, str]:
    """That of the programs which are started, with this gradlab first on the path."""
    path = os.pathsep.join(filter(None, [str(HERE.parents[1]), os.environ.get("PYTHONPATH", "")]))
    return {**os.environ, "PYTHONPATH": path, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONHASHSEED": "0"}
