"""`gradlab explain script.py`: run a script as it is and explain the gradients its tapes were asked for."""

from __future__ import annotations

import argparse
import json
import os
import runpy
import sys
import traceback
from types import TracebackType

from gradlab.doctor.frontends.call import recorded_tapes, reports
from gradlab.doctor.report.html import document
from gradlab.doctor.report.report import Report

FOUND, FAILED = 1, 2


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `gradlab explain` to a parser."""
    parser.description = (
        "Run a Python script unchanged and explain, for each line that asks a tf.GradientTape, which "
        "gradients are missing and why. "
        "Exit status: 0 every gradient is there, 1 something to look at, 2 the script failed or asked no tape."
    )
    parser.add_argument("--json", action="store_true", help="print the reports as JSON")
    parser.add_argument("--html", metavar="FILE", help="also write the reports as a web page")
    parser.add_argument("script", help="the Python file to run")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="arguments for the script")


def run(args: argparse.Namespace) -> int:
    """Run the script and print the reports. Returns the exit status."""
    script = args.script
    if not os.path.isfile(script):
        print(f"gradlab explain: there is no file {script!r}", file=sys.stderr)
        return FAILED
    failed = False
    argv, path = sys.argv, list(sys.path)
    sys.argv = [script, *args.arguments]
    sys.path.insert(0, os.path.dirname(os.path.abspath(script)))
    try:
        with recorded_tapes() as opened:
            try:
                runpy.run_path(script, run_name="__main__")
            except SystemExit as end:
                failed = end.code not in (None, 0)
            except Exception as error:  # shown as Python would show it; what was recorded so far is still explained
                traceback.print_exception(type(error), error, _from_script(error, script))
                failed = True
        found = reports(opened)
    finally:
        sys.argv, sys.path[:] = argv, path
    _show(found, args)
    if not found:
        print("gradlab explain: the script asked no tf.GradientTape for a gradient", file=sys.stderr)
    if failed or not found:
        return FAILED
    return FOUND if any(r.problems for r in found) else 0


def _from_script(error: BaseException, script: str) -> TracebackType | None:
    """An exception's traceback without what ran the script."""
    whole = at = error.__traceback__
    while at is not None and at.tb_frame.f_code.co_filename != script:
        at = at.tb_next
    return at or whole


def _show(found: list[Report], args: argparse.Namespace) -> None:
    if args.html:
        with open(args.html, "w", encoding="utf-8") as file:
            file.write(document(r._repr_html_() for r in found))
    if args.json:
        print(json.dumps([r.to_dict() for r in found], indent=1))
        return
    for report in found:
        print(report)
