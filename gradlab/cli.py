"""The command `gradlab`: each subcommand is imported when it is called."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from gradlab import claims


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status. An unusable argument ends with 2 and a sentence."""
    parser = argparse.ArgumentParser(prog="gradlab", description="Break gradients on purpose, and see what happens.")
    commands = parser.add_subparsers(dest="command", required=True)
    listing = commands.add_parser("list", help="all scenarios, by name")
    listing.add_argument("--into", type=Path, help="write the table of scenarios into this Markdown file (README.md)")
    listing.set_defaults(run=_list)
    rendering = commands.add_parser("render", help="build notebooks from their percent scripts")
    rendering.add_argument("scripts", nargs="*", type=Path, help="scripts; default: all in the folder notebooks/")
    rendering.add_argument("--jobs", type=int, default=2, help="how many at a time (default 2)")
    rendering.set_defaults(run=_render)
    claims.configure(truth := commands.add_parser("claims", help="measure every claim; write or check the truth table"))
    truth.set_defaults(run=claims.run)
    explaining = commands.add_parser("explain", help="run a script and explain the gradients its tapes were asked for")
    explaining.set_defaults(run=_explain)
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] == ["explain"]:  # the doctor imports TensorFlow: only when it is called
        _doctor().configure(explaining)
    chosen = parser.parse_args(words)
    return int(chosen.run(chosen))


def _list(chosen: argparse.Namespace) -> int:
    from gradlab.lab.scenario import names

    print("\n".join(names()))
    if chosen.into:
        import gradlab
        from gradlab.authoring.catalogue import with_table

        table = gradlab.catalogue("notebooks", link="notebooks/", effects=True).markdown
        chosen.into.write_text(with_table(chosen.into.read_text(encoding="utf-8"), table), encoding="utf-8")
        print(f"wrote the table of scenarios into {chosen.into}")
    return 0


def _doctor() -> ModuleType:
    from gradlab.runtime import tf_loading

    tf_loading.plain()
    return importlib.import_module("gradlab.doctor.frontends.command")


def _explain(chosen: argparse.Namespace) -> int:
    return int(_doctor().run(chosen))


def _render(chosen: argparse.Namespace) -> int:
    from gradlab.authoring.notebooks import build, scripts_in

    absent = [str(s) for s in chosen.scripts if not s.is_file()]
    if absent:
        print(f"gradlab render: there is no file {', '.join(absent)}")
        return 2
    if importlib.util.find_spec("jupytext") is None:
        print("gradlab render needs jupytext and nbclient: pip install 'gradlab[lab]'")
        return 2
    build(chosen.scripts or scripts_in(Path("notebooks")), chosen.jobs)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
