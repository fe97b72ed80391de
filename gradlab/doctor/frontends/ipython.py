"""`%load_ext gradlab` and `%%explain`: run a cell as it is, then explain the gradients its tapes were asked for."""

from __future__ import annotations

from typing import Any

from gradlab.doctor.frontends.call import recorded_tapes, reports

NOTHING = (
    "gradlab: no tf.GradientTape was asked for a gradient in this cell. Put %%explain at the top of a "
    "cell that calls tape.gradient(...)."
)


def explain_cell(line: str, cell: str, shell: Any, show: Any) -> None:
    """Run `cell` in the notebook with its tapes recorded, then show one report for each line that asked a tape."""
    if line.strip():
        raise ValueError(f"%%explain takes no arguments, got {line.strip()!r}; put the code on the lines below")
    with recorded_tapes() as opened:
        shell.run_cell(cell)
    found = reports(opened)
    if not found:
        print(NOTHING)
    for report in found:
        show(report)


def load_ipython_extension(shell: Any) -> None:
    """Register the cell magic %%explain."""
    from IPython.display import display

    def explain(line: str, cell: str) -> None:
        explain_cell(line, cell, shell, display)

    explain.__doc__ = explain_cell.__doc__
    shell.register_magic_function(explain, magic_kind="cell", magic_name="explain")


def unload_ipython_extension(shell: Any) -> None:
    """Take %%explain away again."""
    shell.magics_manager.magics["cell"].pop("explain", None)
