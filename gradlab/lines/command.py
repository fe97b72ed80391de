"""`gradlab annotate script.py`: run a script as it is and print it with the gradients of its lines in the margin."""

from __future__ import annotations

import argparse
import json
import os
import runpy
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from gradlab.doctor.frontends.command import INTERRUPTED, nothing_asked, say, show_traceback
from gradlab.doctor.recording.frames import as_before
from gradlab.lines.model import LineGradients
from gradlab.lines.page import document
from gradlab.lines.text import render
from gradlab.lines.with_doctor import Ran, run
from gradlab.runtime.files import unwritable

FOUND, FAILED = 1, 2


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `gradlab annotate` to a parser."""
    parser.description = (
        "Run a Python script unchanged and print it with the gradient of each line in the margin: one cell for each time "
        "that the line ran, by the norm of d loss / d (the value that the line made). "
        "Exit status: 0 every gradient is there, 1 something to look at, 2 the script failed or asked no tape, "
        "130 the script was interrupted."
    )
    parser.add_argument("-m", dest="module", metavar="package.module", help="run this module in place of a file")
    parser.add_argument("--html", metavar="FILE", help="also write a web page that needs no network")
    parser.add_argument("--json", action="store_true", help="print the data as JSON")
    parser.add_argument("--all", action="store_true", help="print each line that asked a tape, not only the last")
    parser.add_argument("--numbers", action="store_true", help="also print how often a line ran, and its norms")
    parser.add_argument("--source", metavar="NAME", help="let the way of this source stand out (--html)")
    parser.add_argument("script", nargs="?", help="the Python file to run")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="arguments for the script")


def main(chosen: argparse.Namespace) -> int:
    """Run the script and print it. Returns the exit status."""
    if chosen.module:
        arguments = ([chosen.script] if chosen.script else []) + chosen.arguments
        name, folder = chosen.module, os.getcwd()
        code = partial(runpy.run_module, chosen.module, run_name="__main__", alter_sys=True)
    elif chosen.script and os.path.isfile(chosen.script):
        arguments, name, folder = chosen.arguments, chosen.script, os.path.dirname(os.path.abspath(chosen.script))
        code = partial(runpy.run_path, chosen.script, run_name="__main__")
    else:
        said = f"there is no file {chosen.script!r}" if chosen.script else "give a Python file, or -m package.module"
        print(f"gradlab annotate: {said}", file=sys.stderr)
        return FAILED
    wrong = unwritable(chosen.html) if chosen.html else ""
    if wrong:
        print(f"gradlab annotate: --html {chosen.html!r}: {wrong}; nothing was run", file=sys.stderr)
        return FAILED
    ran = _as_main(code, name, arguments, folder)
    return _show(ran.results, chosen, ran.error, _ended(ran.error))


def _as_main(code: Callable[[], Any], name: str, arguments: list[str], folder: str) -> Ran:
    argv, path = sys.argv, list(sys.path)
    sys.argv = [name, *arguments]
    sys.path.insert(0, folder)
    try:
        return run(lambda: as_before(code, ()))
    finally:
        sys.argv, sys.path[:] = argv, path


def _ended(error: BaseException | None) -> int:
    """Say what ended the script, as Python would, and the exit status for it; 0 if it ended well."""
    if error is None:
        return 0
    if isinstance(error, SystemExit):
        if error.code is not None and not isinstance(error.code, int):
            say(str(error.code), sys.stderr)  # as Python shows sys.exit("message")
        return 0 if error.code in (None, 0) else FAILED
    show_traceback(error)
    return INTERRUPTED if isinstance(error, KeyboardInterrupt) else FAILED


def _show(results: list[LineGradients], chosen: argparse.Namespace, error: BaseException | None, ended: int) -> int:
    for result in results:
        if chosen.source is not None:
            try:
                result.chosen(chosen.source)
            except LookupError as unknown:
                print(f"gradlab annotate: {unknown}", file=sys.stderr)
                return FAILED
    if chosen.html:
        with open(chosen.html, "w", encoding="utf-8") as file:
            file.write(document(results, f"Line gradients of {chosen.module or os.path.basename(chosen.script)}"))
    asked = any(r.asks for r in results)
    if chosen.json:
        print(json.dumps([r.to_dict() for r in results], indent=1, allow_nan=False))
    else:
        shown = results if chosen.all else results[-1:]
        for result in shown:
            if result.lines or asked or error is None:  # else nothing of it ran, and the exception above says all
                print(render(result, numbers=chosen.numbers, whole=True))
        if len(results) > len(shown):
            print(f"{len(results) - 1} more lines asked a tape: --all prints them, --html FILE shows them")
    if not asked and (why := nothing_asked(error)):
        print(f"gradlab annotate: {why}", file=sys.stderr)
    if ended or not asked:
        return ended or FAILED
    broken = any(s.kind != "ok" for r in results for s in r.sources) or any(r.raised for r in results)
    return FOUND if broken else 0
