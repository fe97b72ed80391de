"""The commands `gradlab site`, `gradlab export` and `gradlab links`."""

from __future__ import annotations

import argparse
import importlib.util
import os
from collections.abc import Callable
from pathlib import Path

NEEDED = {"sphinx": "sphinx", "myst_nb": "myst-nb", "pydata_sphinx_theme": "pydata-sphinx-theme"}


def configure(add: Callable[[str, str], argparse.ArgumentParser]) -> None:
    """Add the commands to the command line's; `add` takes a name and what the command does."""
    site = add("site", "build the static site, in which every panel works without a kernel")
    site.add_argument(
        "target", type=Path, metavar="DIR", help="the folder for the site; an older site in it is replaced"
    )
    site.add_argument("--root", type=Path, default=Path("."), help="the clone of the repository (default: this folder)")
    _computing(site)
    site.add_argument(
        "--jobs", type=_positive, default=os.cpu_count() or 1, help="worker processes (default: one for each core)"
    )
    site.add_argument(
        "--notebook", action="append", metavar="NN_NAME", help="only this lesson and its panels (may be repeated)"
    )
    site.add_argument(
        "--no-reference",
        action="store_true",
        help="leave out what programs are run for: the API, the commands, the doctor's examples",
    )
    site.add_argument("--zip", type=Path, metavar="FILE", help="also write the site as one zip")
    site.add_argument("--serve", action="store_true", help="then serve it on 127.0.0.1 until Ctrl-C")
    site.add_argument("--port", type=int, default=8000, help="for --serve (default 8000)")
    site.set_defaults(run=_site)
    export = add("export", "write one panel as one HTML file that needs nothing else")
    export.add_argument("scenario", help="its name; `gradlab list` prints them")
    export.add_argument("file", type=Path, metavar="FILE.html")
    _computing(export)
    export.set_defaults(run=_export)
    links = add("links", "write the links to Binder, Colab, nbgitpuller and the site into README and notebooks")
    links.add_argument("repository", metavar="OWNER/REPO", help="the repository on GitHub that holds your copy")
    links.add_argument("--branch", default="main", help="a branch or tag (default main)")
    links.add_argument(
        "--root", type=Path, default=Path("."), help="the clone of the repository (default: this folder)"
    )
    links.add_argument("--no-check", action="store_true", help="ask none of the services whether the links answer")
    links.set_defaults(run=_links)


def _computing(parser: argparse.ArgumentParser) -> None:
    from gradlab.site.grid import MOST

    parser.add_argument(
        "--cache",
        type=Path,
        default=Path(".cache/site"),
        help="where computed positions are kept (default .cache/site)",
    )
    parser.add_argument(
        "--most",
        type=_positive,
        default=MOST,
        help=f"positions of a panel above which its knobs are thinned; it moves all limits (default {MOST})",
    )


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number of at least 1")
    return int(text)


def _site(chosen: argparse.Namespace) -> int:
    from gradlab.site.build import Options, SphinxFailed, ZipFailed, build
    from gradlab.site.farm import Failed
    from gradlab.site.sources import Broken

    absent = [package for module, package in NEEDED.items() if importlib.util.find_spec(module) is None]
    if absent:
        print(f"gradlab site needs {', '.join(absent)}: pip install 'tf-gradlab[site]'")
        return 2
    options = Options(chosen.target, chosen.root, chosen.cache, chosen.jobs, chosen.most, chosen.notebook, not chosen.no_reference, chosen.zip)  # fmt: skip
    try:
        built = build(options)
    except (OSError, LookupError, Broken, Failed, SphinxFailed) as error:
        kept = f" The site in {chosen.target} is as it was." if chosen.target.is_dir() else ""
        print(f"gradlab site: {_words(error)}{kept}")
        return 2
    except ZipFailed as error:
        print(f"gradlab site: {error}")
        return 2
    except KeyboardInterrupt:
        print(
            f"gradlab site: interrupted. What is computed is kept in {chosen.cache}; the next call goes on from there."
        )
        return 130
    print(
        f"{chosen.target}: {built.pages} pages, {built.bytes / 1e6:.1f} MB, {built.positions:,} of {built.whole:,} positions, "
        f"{built.seconds:.0f} s ({built.cost.computed:,} positions computed in {built.cost.cpu:.0f} CPU s, {built.cost.kept:,} kept)"
    )
    print(f"open {chosen.target / 'index.html'}, or put the folder on any web server")
    return _serve(chosen.target, chosen.port) if chosen.serve else 0


def _serve(folder: Path, port: int) -> int:
    from gradlab.site.serve import server

    try:
        running = server(folder, port)
    except OSError as error:
        print(f"gradlab site: port {port} can't be had ({error.strerror}); name another one with --port")
        return 2
    with running:
        print(f"http://127.0.0.1:{running.server_address[1]}/ until Ctrl-C", flush=True)
        try:
            running.serve_forever()
        except KeyboardInterrupt:
            return 0
    return 0


def _export(chosen: argparse.Namespace) -> int:
    from gradlab.site.compute import all_names
    from gradlab.site.export import export
    from gradlab.site.farm import Failed

    if chosen.scenario not in all_names():
        print(f"gradlab export: there is no scenario {chosen.scenario!r}. There are: {', '.join(all_names())}")
        return 2
    try:
        plan = export(chosen.scenario, chosen.file, chosen.cache, chosen.most)
    except (OSError, LookupError, Failed) as error:
        print(f"gradlab export: {_words(error)}")
        return 2
    except KeyboardInterrupt:
        print("gradlab export: interrupted. What is computed is kept; the next call goes on from there.")
        return 130
    print(f"{chosen.file}: {chosen.file.stat().st_size / 1e3:.0f} kB, {plan.count:,} of {plan.whole:,} positions")
    return 0


def _links(chosen: argparse.Namespace) -> int:
    from gradlab.site.links import check, links, rewrite

    try:
        changed = rewrite(chosen.root, chosen.repository, chosen.branch)
    except (OSError, ValueError) as error:
        print(f"gradlab links: {error}")
        return 2
    print(f"{len(changed)} files changed: {', '.join(map(str, changed)) or 'none'}")
    if any(file.suffix == ".py" for file in changed):
        print("the notebooks show the links after `make notebooks`")
    found = links(chosen.repository, chosen.branch)
    said = dict.fromkeys(found, "not checked") if chosen.no_check else check(found)
    for name, address in found.items():
        print(f"{name}: {address}\n  {said[name]}")
    return 0


def _words(error: BaseException) -> str:
    return f"{error.args[0]}" if isinstance(error, LookupError) and error.args else str(error)
