"""The command `gradlab`: each subcommand is imported when it is called."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import os
import select
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType

from gradlab import claims
from gradlab.runtime import script_environment
from gradlab.site import command as site

RUN_SCRIPTS = ("explain", "annotate", "watch")  # each runs a script of the user's in this process
# What each command is for; one that is in none of these is for those who maintain gradlab.
GROUPS = {
    "your own programs": RUN_SCRIPTS,
    "learning and teaching": ("list", "tree", "questions", "export"),
}
MAINTAINING = "the course, its site and its tables"

READER_GONE = 141  # 128 + SIGPIPE, as a shell reports it


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status. An unusable argument ends with 2 and a sentence."""
    try:
        try:
            return _main(arguments)
        finally:
            _flush()  # here, and not when Python ends, where nobody could catch it
    except BrokenPipeError:
        if not _reader_has_gone():  # another pipe: that of a script, say
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return READER_GONE


def _flush() -> None:
    if sys.stdout is not None and not sys.stdout.closed:
        sys.stdout.flush()


def _reader_has_gone() -> bool:
    """Is it standard output that nobody reads any more (`gradlab list | head`)?"""
    if not hasattr(select, "poll"):  # Windows
        try:
            _flush()
        except BrokenPipeError:
            return True
        return False
    asked = select.poll()
    asked.register(sys.stdout.fileno(), 0)
    return bool(asked.poll(0))  # an error or a hang-up: nothing else was asked for


def _main(arguments: Sequence[str] | None) -> int:
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words and words[0] in RUN_SCRIPTS:
        script_environment.set_as_the_script_does(words[1:])
    # The doctor and the line gradients import TensorFlow: only when they are called.
    parser, commands = _parser(words[0] if words else "")
    chosen = parser.parse_args(words)
    hint = _after_the_script(commands[chosen.command], getattr(chosen, "arguments", []))
    if hint:
        print(f"gradlab {chosen.command}: {hint}", file=sys.stderr, flush=True)
    return int(chosen.run(chosen))


def _after_the_script(command: argparse.ArgumentParser, arguments: Sequence[str]) -> str:
    """A hint where an option of the command stands among the arguments of the script; "" where none does.

    The script may have an option of that name, so it is a hint. Short options (-m, -h) are every script's own.
    """
    ours = {name for name in command._option_string_actions if name.startswith("--")} - {"--help"}  # noqa: SLF001
    late = [name for name in dict.fromkeys(word.partition("=")[0] for word in arguments) if name in ours]
    if not late:
        return ""
    belong, put = ("belongs", "put it") if len(late) == 1 else ("belong", "put them")
    return f"{', '.join(late)} after the script {belong} to the script; for gradlab {put} before the script"


def helps() -> dict[str, str]:
    """{command: what it says with --help}, of every command. Loads TensorFlow, as three of them do."""
    return {name: command.format_help() for name, command in _parser("*")[1].items()}


def _parser(called: str) -> tuple[argparse.ArgumentParser, dict[str, argparse.ArgumentParser]]:
    """The parser of the command line and those of its commands. What loads TensorFlow is configured where it is `called`,
    and with "*"."""
    parser = argparse.ArgumentParser(
        prog="gradlab",
        description="Start with: gradlab explain script.py\n\nBreak gradients on purpose, and see what happens.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", help="one of those below")
    said: dict[str, str] = {}

    def add(name: str, help: str) -> argparse.ArgumentParser:
        said[name] = help  # and not to argparse, which can't put commands into groups
        return commands.add_parser(name, description=f"{help[0].upper()}{help[1:]}.")

    explaining = add("explain", "run a script and explain the gradients its tapes were asked for")
    explaining.set_defaults(run=_explain)
    annotating = add("annotate", "run a script and print it with the gradients of its lines")
    annotating.set_defaults(run=_annotate)
    watching = add("watch", "run a script and watch the gradients of each model.fit in it")
    watching.set_defaults(run=_watch)
    listing = add("list", "print the names of all scenarios, each with its title")
    listing.add_argument(
        "--into", type=Path, help="write the table of scenarios into this Markdown file (docs/scenarios.md)"
    )
    listing.set_defaults(run=_list)
    tree = add("tree", "print the decision tree: from symptom to test to cause to repair")
    tree.add_argument("--into", type=Path, help="write it as Markdown into this file (docs/decision_tree.md)")
    tree.add_argument("--sheet", type=Path, help="write one page of A4 to print, as HTML, into this file")
    tree.set_defaults(run=_tree)
    asking = add("questions", "print multiple-choice questions for a class, or the key to them")
    asking.add_argument("names", nargs="*", help="which, by name, in this order; default: all")
    asking.add_argument("--key", action="store_true", help="the right letters and the reasons")
    asking.set_defaults(run=_questions)
    rendering = add("render", "build notebooks from their percent scripts")
    rendering.add_argument("scripts", nargs="*", type=Path, help="scripts; default: all in the folder notebooks/")
    rendering.add_argument("--jobs", type=site.at_least_one, default=2, help="how many at a time (default 2)")
    rendering.set_defaults(run=_render)
    claims.configure(truth := add("claims", "measure every claim; write or check the truth table"))
    truth.set_defaults(run=claims.run)
    if called in ("explain", "*"):
        _with_tensorflow("gradlab.doctor.frontends.command").configure(explaining)
    if called in ("annotate", "*"):
        _with_tensorflow("gradlab.lines.command").configure(annotating)
    if called in ("watch", "*"):
        _with_tensorflow("gradlab.watch.command").configure(watching)
    site.configure(add)
    parser.epilog = _grouped(said)
    return parser, commands.choices


def _grouped(said: Mapping[str, str]) -> str:
    """{command: what it does} as text, by what the commands are for."""
    groups = dict(GROUPS)
    groups[MAINTAINING] = tuple(name for name in said if not any(name in names for names in GROUPS.values()))
    parts = [
        f"{title}:\n" + "\n".join(f"  {name:<11}{said[name]}" for name in names) for title, names in groups.items()
    ]
    return "\n\n".join([*parts, "gradlab COMMAND --help says more of one."])


def _stop(command: str, sentence: object) -> int:
    """Say on standard error why the command ends: what it prints may go into a file."""
    print(f"gradlab {command}: {sentence}", file=sys.stderr)
    return 2


def _list(chosen: argparse.Namespace) -> int:
    from gradlab.lab.scenario import titles

    known = titles()
    wide = max(map(len, known))
    print("\n".join(f"{name:<{wide}}  {title}" for name, title in known.items()))
    if chosen.into:
        if not chosen.into.is_file():
            return _stop("list", f"there is no file {chosen.into} to write the table into")
        import gradlab
        from gradlab.authoring.catalogue import with_table

        table = gradlab.catalogue("notebooks", link="../notebooks/", effects=True).markdown
        try:
            chosen.into.write_text(with_table(chosen.into.read_text(encoding="utf-8"), table), encoding="utf-8")
        except (OSError, ValueError) as error:
            return _stop("list", f"the table was not written into {chosen.into}: {error}")
        print(f"wrote the table of scenarios into {chosen.into}")
    return 0


def _tree(chosen: argparse.Namespace) -> int:
    tree = _with_tensorflow("gradlab.authoring.decision_tree")
    target = chosen.sheet or chosen.into
    if target is None:
        print(tree.text(), end="")
        return 0
    text = tree.sheet() if chosen.sheet else tree.page()
    try:
        target.write_text(text, encoding="utf-8")
    except OSError as error:
        return _stop("tree", f"nothing was written: {error}")
    said = (
        f"one page of A4 into {target}: open it in a browser and print it"
        if chosen.sheet
        else f"the decision tree into {target}"
    )
    print(f"wrote {said}")
    return 0


def _questions(chosen: argparse.Namespace) -> int:
    from gradlab.authoring.handout import handout, key

    try:
        print((key if chosen.key else handout)(chosen.names))
    except LookupError as error:
        return _stop("questions", error.args[0])
    return 0


def _with_tensorflow(module: str) -> ModuleType:
    from gradlab.runtime import tf_loading

    # Only on a terminal: what is redirected into a file is the script's own. TensorFlow takes seconds to start.
    if "tensorflow" not in sys.modules and sys.stderr is not None and sys.stderr.isatty():
        print("gradlab: starting TensorFlow ...", file=sys.stderr, flush=True)
    tf_loading.plain()  # the user's own program: no settings of gradlab's
    return importlib.import_module(module)


def _explain(chosen: argparse.Namespace) -> int:
    return int(_with_tensorflow("gradlab.doctor.frontends.command").run(chosen))


def _annotate(chosen: argparse.Namespace) -> int:
    return int(_with_tensorflow("gradlab.lines.command").main(chosen))


def _watch(chosen: argparse.Namespace) -> int:
    return int(_with_tensorflow("gradlab.watch.command").run(chosen))


def _render(chosen: argparse.Namespace) -> int:
    from gradlab.authoring.notebooks import build, scripts_in

    absent = [str(s) for s in chosen.scripts if not s.is_file()]
    if absent:
        return _stop("render", f"there is no file {', '.join(absent)}")
    if importlib.util.find_spec("jupytext") is None:
        return _stop("render", "jupytext and nbclient are needed and not installed: pip install 'tf-gradlab[lab]'")
    try:
        build(chosen.scripts or scripts_in(Path("notebooks")), chosen.jobs)
    except OSError as error:
        return _stop("render", f"{error}. Nothing was changed in the notebook that could not be written.")
    except KeyboardInterrupt:
        _stop("render", "interrupted. The notebooks that were not done are as they were.")
        return 130
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
