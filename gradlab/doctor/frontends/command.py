"""`gradlab explain script.py`: run a script as it is and explain the gradients its tapes were asked for."""

from __future__ import annotations

import argparse
import json
import os
import runpy
import sys
import textwrap
import threading
import traceback
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

import gradlab
from gradlab.doctor.frontends import keras_warning
from gradlab.doctor.frontends.call import recorded_tapes, reports
from gradlab.doctor.recording.frames import as_before, is_user_file
from gradlab.doctor.recording.hooks import explained
from gradlab.doctor.report.html import document
from gradlab.doctor.report.report import Report
from gradlab.runtime.files import unwritable
from gradlab.runtime.shown_traceback import without_hooks

FOUND, FAILED = 1, 2
PACKAGE = os.path.join(os.path.dirname(os.path.abspath(gradlab.__file__)), "")
REPEATED = 60  # characters of a note that a later report says again: enough to know it by
INTERRUPTED = 130  # 128 + SIGINT, as a shell reports it


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `gradlab explain` to a parser."""
    parser.description = (
        "Run a Python script, or with -m a module, unchanged and explain, for each line that asks a tf.GradientTape, "
        "which gradients are missing and why. "
        "Exit status: 0 no gradient has a problem, 1 something to look at, 2 the script failed or asked neither a tape nor gradlab.explain, "
        "130 the script was interrupted."
    )
    parser.add_argument("--json", action="store_true", help="print the reports as JSON")
    parser.add_argument("--html", metavar="FILE", help="also write the reports as a web page")
    parser.add_argument("-m", dest="module", action="store_true", help="SCRIPT is the name of a module: package.module")
    parser.add_argument("script", help="the Python file to run (with -m: the module)")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="arguments for the script")


def run(args: argparse.Namespace) -> int:
    """Run the script and print the reports. Returns the exit status."""
    wrong = unusable(args)
    if wrong:
        say(f"gradlab explain: {wrong}", sys.stderr)
        return FAILED
    before = explained()
    with keras_warning.heard() as warned, recorded_tapes() as opened:
        ended, error = run_script(args)
        _join()
    asked_itself = explained() > before  # by calls of gradlab.explain, whose reports are the script's own
    found = reports(opened, error, over=True)
    told = keras_warning.answer(warned.names, found)
    found += keras_warning.of_idle(warned.idle)
    status = _show(found, args)
    if told:
        say("\n".join(told), sys.stderr if args.json else sys.stdout)
    if not found and (why := nothing_asked(error)):
        own = "; it asks gradlab itself, whose reports are not shown again" if asked_itself else ""
        say(f"gradlab explain: {why}{own}", sys.stderr)
    if ended or status or not (found or asked_itself):
        return ended or status or FAILED
    return FOUND if any(r.problems for r in found) else 0


def nothing_asked(error: BaseException | None) -> str:
    """What to say of a script that asked no tape, and that this exception ended; "" where the exception says all."""
    if isinstance(error, SyntaxError):
        return ""
    if error is None or (isinstance(error, SystemExit) and error.code in (None, 0)):
        return "the script asked no tf.GradientTape for a gradient"
    return "the script ended before it asked a tf.GradientTape for a gradient"


def unusable(args: argparse.Namespace) -> str:
    """What is wrong with the arguments, before anything runs; empty if nothing is."""
    if not args.module and not os.path.isfile(args.script):
        return f"there is no file {args.script!r}"
    if args.html:
        wrong = unwritable(args.html)
        if wrong:
            return f"--html {args.html!r}: {wrong}; nothing was run"
    return ""


def run_script(args: argparse.Namespace) -> tuple[int, BaseException | None]:
    """Run the script as Python would. The exit status, 0 if it ended well, and the exception that ended it."""
    argv, path = sys.argv, list(sys.path)
    sys.argv = [args.script, *args.arguments]
    try:
        if args.module:
            sys.path.insert(0, os.getcwd())
            as_before(lambda: runpy.run_module(args.script, run_name="__main__", alter_sys=True), ())
        else:
            sys.path.insert(0, os.path.dirname(os.path.abspath(args.script)))
            as_before(lambda: runpy.run_path(args.script, run_name="__main__"), ())
    except SystemExit as end:
        if end.code is not None and not isinstance(end.code, int):
            say(str(end.code), sys.stderr)  # as Python shows sys.exit("message")
        return (0 if end.code in (None, 0) else FAILED), end
    except KeyboardInterrupt as error:  # what was recorded so far is still explained
        show_traceback(error)
        return INTERRUPTED, error
    except Exception as error:  # shown as Python would show it; what was recorded so far is still explained
        show_traceback(error)
        return FAILED, error
    finally:
        sys.argv, sys.path[:] = argv, path
    return 0, None


def _join() -> None:
    """Wait for the script's threads, as Python does before it ends."""
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join()


def show_traceback(error: BaseException) -> None:
    """An exception as Python shows it, on standard error, without the frames that ran the script."""
    whole: TracebackType | None = without_hooks(error).__traceback__
    at = whole
    while at is not None and _runs_the_script(at.tb_frame.f_code.co_filename):
        at = at.tb_next
    if at is None and isinstance(error, SyntaxError):  # of the script itself: none of its lines ran
        say("".join(traceback.format_exception_only(error)).rstrip("\n"), sys.stderr)
        return
    at = at or whole
    say("".join(traceback.format_exception(type(error), error, at)).rstrip("\n"), sys.stderr)


def _runs_the_script(file: str) -> bool:
    ours = file.startswith(PACKAGE) and not is_user_file(file)
    return ours or file.startswith("<frozen") or file == runpy.__file__


def say(text: str, stream: Any) -> None:
    """Print, with what the stream's encoding lacks written as escapes by number."""
    try:
        print(text, file=stream)
    except UnicodeEncodeError:
        encoding = getattr(stream, "encoding", None) or "ascii"
        print(text.encode(encoding, "backslashreplace").decode(encoding), file=stream)


def _show(found: list[Report], args: argparse.Namespace) -> int:
    """Print the reports, then write the page. 0 if that went well."""
    if args.json:
        say(json.dumps([r.to_dict() for r in found], indent=1), sys.stdout)
        found = _notes_once(found)
    else:
        found = _notes_once(found)
        for report in found:
            say(repr(report), sys.stdout)
    if args.html:
        try:
            Path(args.html).write_text(document(r._repr_html_() for r in found), encoding="utf-8")
        except OSError as error:
            say(f"gradlab explain: --html {args.html!r} was not written: {error}", sys.stderr)
            return FAILED
    return 0


def _notes_once(found: list[Report]) -> list[Report]:
    """The same reports, each long note whole only where it comes first: they are read one after the other."""
    told: set[str] = set()
    shown = []
    for report in found:
        shown.append(replace(report, notes=[_again(n) if n in told else n for n in report.notes]))
        told.update(n for n in report.notes if len(n) > REPEATED)
    return shown


def _again(note: str) -> str:
    return f"as above: {textwrap.shorten(note, REPEATED, placeholder=' ...')}"
