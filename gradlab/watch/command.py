"""`gradlab watch script.py`: run a script as it is, with a `Watch` in each `fit`."""

from __future__ import annotations

import argparse
import functools
import inspect
import sys
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tensorflow as tf

from gradlab.doctor.frontends.command import FAILED, FOUND, run_script, say, unusable
from gradlab.watch.callback import Watch
from gradlab.watch.page import document


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `gradlab watch` to a parser."""
    parser.description = (
        "Run a Python script, or with -m a module, unchanged, and watch the gradients of each model.fit in it. "
        "Exit status: 0 no alarm, 1 an alarm was raised, 2 the script failed or called no fit, 130 the script was interrupted."
    )
    parser.add_argument("--html", metavar="FILE", help="also write pictures, alarms and numbers as a web page")
    parser.add_argument("--every", metavar="N", type=int, default=1, help="measure each N-th step (default 1)")
    parser.add_argument("-m", dest="module", action="store_true", help="SCRIPT is the name of a module: package.module")
    parser.add_argument("script", help="the Python file to run (with -m: the module)")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="arguments for the script")


def run(args: argparse.Namespace) -> int:
    """Run the script and say what was seen. Returns the exit status."""
    wrong = unusable(args) or ("" if args.every >= 1 else f"--every is {args.every}; expected 1 or more")
    if wrong:
        say(f"gradlab watch: {wrong}", sys.stderr)
        return FAILED
    with _watching(args.every) as watches:
        ended, _ = run_script(args)
    for watch in watches:
        told = ", ".join(a.rule for a in watch.record.alarms)
        said = f"alarms: {told}" if told else "no alarm"
        if ended and not watch.record.steps and not told:  # an optimizer that is given nothing but None raises
            said = f"no step was finished, so nothing was measured: ask `gradlab explain {args.script}`"
        say(f"gradlab watch: {watch.model.name}, {watch.record.steps} steps, {said}", sys.stdout)
    if args.html and watches:
        Path(args.html).write_text(document([w.record for w in watches]), encoding="utf-8")
    if not watches:
        say("gradlab watch: the script called no model.fit", sys.stderr)
    if ended or not watches:
        return ended or FAILED
    return FOUND if any(w.record.alarms for w in watches) else 0


@contextmanager
def _watching(every: int) -> Iterator[list[Watch]]:
    """Each `fit` has a `Watch` while the block runs: one for each model, also where `fit` is called in a loop."""
    found: list[Watch] = []
    known: weakref.WeakKeyDictionary[Any, Watch] = weakref.WeakKeyDictionary()

    def wrapped(plain: Any) -> Any:
        signature = inspect.signature(plain)

        @functools.wraps(plain)
        def fit(self: Any, *args: Any, **keywords: Any) -> Any:
            bound = signature.bind(self, *args, **keywords)
            given = bound.arguments.get("callbacks")
            given = [] if given is None else given if isinstance(given, (list, tuple)) else [given]
            own = next((c for c in given if isinstance(c, Watch)), None)
            if own is None and all(isinstance(c, _callbacks()) for c in given):  # not a CallbackList, which is whole
                own = known.setdefault(self, Watch(every))
                bound.arguments["callbacks"] = [*given, own]
            if own is not None and not any(own is w for w in found):
                found.append(own)
            return plain(*bound.args, **bound.kwargs)

        return fit

    owners = {next(c for c in model.__mro__ if "fit" in vars(c)) for model in _models()}
    before = {owner: vars(owner)["fit"] for owner in owners}
    for owner, plain in before.items():
        owner.fit = wrapped(plain)
    try:
        yield found
    finally:
        for owner, plain in before.items():
            owner.fit = plain


def _kerases() -> list[Any]:
    """tf.keras, and a Keras that is loaded beside it."""
    return [tf.keras, *(sys.modules[n] for n in ("keras", "tf_keras") if n in sys.modules)]


def _models() -> list[Any]:
    return [keras.Model for keras in _kerases()]


def _callbacks() -> tuple[type, ...]:
    return tuple({keras.callbacks.Callback for keras in _kerases()})
