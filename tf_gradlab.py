"""The commands `gradlab` and `tf-gradlab`, and a look at whose package the name `gradlab` means here.

This project's distribution is `tf-gradlab`, its package is `gradlab`. On the package index `gradlab` is another project (a lab
for reinforcement learning) whose package has the same name. Where both are installed, the one that came last has written
over the other. This module has a name of its own, so that it can say so in either case.

- `conflict`: what is wrong with the name `gradlab` in this environment, "" if nothing is.
- `main`: the command. `python -m tf_gradlab` is the same.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

OURS = "scenarios"  # a folder that our package has and the other project's does not
REPAIR = (
    "To repair it: pip uninstall gradlab tf-gradlab, then pip install tf-gradlab. To have both, take two environments."
)


def conflict() -> str:
    """Whose package `gradlab` is in this environment: a sentence with what to do, or "" where it is ours alone.

    Reads the folder that `import gradlab` would take and the names of the installed distributions; imports neither.
    """
    found = importlib.util.find_spec("gradlab")
    folder = Path(found.origin).parent if found is not None and found.origin else None
    try:
        other = metadata.distribution("gradlab").version
    except metadata.PackageNotFoundError:
        other = ""
    whose = f"another project, `gradlab` {other} (a lab for reinforcement learning)" if other else "another project"
    if folder is None:
        return f"There is no package `gradlab` to import. {REPAIR}"
    if not (folder / OURS).is_dir() or not (folder / "doctor").is_dir():
        return f"`import gradlab` gives {whose}, in {folder}, and not the package of tf-gradlab. {REPAIR}"
    if other:
        return f"{whose[0].upper()}{whose[1:]} is installed beside tf-gradlab. Both own the folder {folder}. {REPAIR}"
    return ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line of gradlab; where the name means another project, say so and return 2."""
    wrong = conflict()
    if wrong:
        print(f"gradlab: {wrong}", file=sys.stderr)
        return 2
    from gradlab.cli import main as command

    return command(arguments)


if __name__ == "__main__":
    raise SystemExit(main())
