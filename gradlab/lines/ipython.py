"""`%load_ext gradlab`: the cell magics `%%explain` and `%%annotate`."""

from __future__ import annotations

from typing import Any

from gradlab.doctor.frontends import ipython as explaining
from gradlab.lines.with_doctor import run

NOTHING = (
    "gradlab: no tf.GradientTape was asked for a gradient in this cell. Put %%annotate at the top of a cell that calls "
    "tape.gradient(...)."
)


def annotate_cell(line: str, cell: str, shell: Any, show: Any) -> None:
    """Run `cell` in the notebook, then show its code with the gradient of each line in the margin."""
    if line.strip():
        raise ValueError(f"%%annotate takes no arguments, got {line.strip()!r}; put the code on the lines below")
    ran = run(lambda: shell.run_cell(cell))
    asked = [r for r in ran.results if r.asks]
    if not asked:
        print(NOTHING)
    for result in asked:
        show(result)
    if ran.error is not None:
        raise ran.error


def load_ipython_extension(shell: Any) -> None:
    """Register the cell magics."""
    from IPython.display import display

    def annotate(line: str, cell: str) -> None:
        annotate_cell(line, cell, shell, display)

    annotate.__doc__ = annotate_cell.__doc__
    explaining.load_ipython_extension(shell)
    shell.register_magic_function(annotate, magic_kind="cell", magic_name="annotate")


def unload_ipython_extension(shell: Any) -> None:
    """Take the cell magics away again."""
    explaining.unload_ipython_extension(shell)
    shell.magics_manager.magics["cell"].pop("annotate", None)
