"""Build the notebooks: a percent script in, an executed notebook out, the same bytes every time.

- `render`: one script -> the texts of its notebooks, executed: the learner's, and the whole one with the solutions.
- `build`: a folder of scripts -> their `.ipynb` files beside them, and those with the solutions in `solutions/`.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

from gradlab.authoring.lesson import for_learners, has_more, one_folder_down, whole

TIMEOUT = 300  # seconds a cell


def render(script: Path) -> tuple[str, str | None]:
    """The executed notebooks of a percent script: see `execute`."""
    return asyncio.run(execute(script))


async def execute(script: Path) -> tuple[str, str | None]:
    """The executed notebooks of a percent script as texts of `.ipynb` files: the learner's, and the whole one if it has more.

    It is run once, with the solutions. A cell that raises ends it, naming script and cell (nbclient's CellExecutionError).
    What changes from run to run is left out: standard error, time stamps, random cell ids, widget ids; nbval then has
    outputs to compare that can hold.
    """
    import nbformat
    from nbclient import NotebookClient

    notebook = whole(script)
    client = NotebookClient(
        notebook,
        timeout=TIMEOUT,
        kernel_name="python3",
        record_timing=False,
        store_widget_state=False,
        resources={"metadata": {"path": str(script.parent)}},
    )
    await client.async_execute(env={**os.environ, "GRADLAB_STRICT": "1"})
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [_still(o) for o in cell.outputs if o.get("name") != "stderr"]
    notebook.metadata["language_info"] = {"name": "python", "file_extension": ".py", "mimetype": "text/x-python"}
    learners = nbformat.writes(for_learners(notebook)) + "\n"
    return learners, nbformat.writes(one_folder_down(notebook)) + "\n" if has_more(notebook) else None


def build(scripts: list[Path], jobs: int = 2) -> list[Path]:
    """Render every script beside itself, `jobs` at a time, saying which is done."""
    if not scripts:
        raise FileNotFoundError("There is nothing to render: no numbered percent script (`NN_name.py`) was found.")

    for script in scripts:
        write_whole(script.with_suffix(".tried"), "")  # a target that can't be written is told before an hour of work
        script.with_suffix(".tried").unlink()
    return asyncio.run(_build(scripts, jobs))


async def _build(scripts: list[Path], jobs: int) -> list[Path]:
    free = asyncio.Semaphore(jobs)

    async def one(script: Path) -> Path:
        target, solution = script.with_suffix(".ipynb"), solution_of(script)
        async with free:
            learners, everything = await execute(script)
        write_whole(target, learners)
        if everything is not None:
            solution.parent.mkdir(exist_ok=True)
            write_whole(solution, everything)
        print(f"rendered {target}" + (f" and {solution}" if everything is not None else ""), flush=True)
        return target

    # Ctrl-C or a failing cell cancels the others, and nbclient then ends their kernels.
    tasks = [asyncio.ensure_future(one(script)) for script in scripts]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def write_whole(target: Path, text: str) -> None:
    """Write `text` to `target`, or leave `target` as it is (OSError): a full disk must not cost a good file."""
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        beside.write_text(text, encoding="utf-8")
        os.replace(beside, target)
    finally:
        beside.unlink(missing_ok=True)


def solution_of(script: Path) -> Path:
    """Where the whole notebook of a script is written, if it has more than the learner's."""
    return script.parent / "solutions" / f"{script.stem}.ipynb"


def scripts_in(folder: Path) -> list[Path]:
    """The numbered percent scripts of a folder, in order."""
    return sorted(folder.glob("[0-9][0-9]_*.py"))


def _still(output: Any) -> Any:
    """An output without the reference to a live widget: a stored page has none, and would show an error in its place."""
    output.get("data", {}).pop("application/vnd.jupyter.widget-view+json", None)
    return output
