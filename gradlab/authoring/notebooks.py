"""Build the notebooks: a percent script in, an executed notebook out, the same bytes every time.

- `render`: one script -> the text of its notebook, executed.
- `build`: a folder of scripts -> their `.ipynb` files beside them.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

TIMEOUT = 300  # seconds a cell


def render(script: Path) -> str:
    """The executed notebook of a percent script, as the text of its `.ipynb`: see `execute`."""
    return asyncio.run(execute(script))


async def execute(script: Path) -> str:
    """The executed notebook of a percent script, as the text of its `.ipynb`.

    A cell that raises ends it, naming script and cell (nbclient's CellExecutionError). What changes from run to run is
    left out: standard error, time stamps, random cell ids, widget ids; nbval then has outputs to compare that can hold.
    """
    import jupytext
    import nbformat
    from nbclient import NotebookClient

    notebook = jupytext.read(script, fmt="py:percent")
    notebook.metadata = nbformat.NotebookNode(
        kernelspec={"name": "python3", "display_name": "Python 3", "language": "python"},
        language_info={"name": "python", "file_extension": ".py", "mimetype": "text/x-python"},
        colab={"toc_visible": True},
    )
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number:02d}"
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
    notebook.metadata.language_info.pop("version", None)
    notebook.metadata["language_info"] = {"name": "python", "file_extension": ".py", "mimetype": "text/x-python"}
    return nbformat.writes(notebook) + "\n"


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
        target = script.with_suffix(".ipynb")
        async with free:
            write_whole(target, await execute(script))
        print(f"rendered {target}", flush=True)
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


def scripts_in(folder: Path) -> list[Path]:
    """The numbered percent scripts of a folder, in order."""
    return sorted(folder.glob("[0-9][0-9]_*.py"))


def _still(output: Any) -> Any:
    """An output without the reference to a live widget: a stored page has none, and would show an error in its place."""
    output.get("data", {}).pop("application/vnd.jupyter.widget-view+json", None)
    return output
