"""Make docs/panel.gif, the README's picture: a panel in a real JupyterLab, its switch flipped once.

.venv/bin/python tools/screenshot.py

The scenario is one that no core section of a lesson asks about: the picture tells what its switch does.
"""

import io
import shutil
import sys
import tempfile
from pathlib import Path

import nbformat
from PIL import Image

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))
from browser import browser, lab, run_all  # noqa: E402

NOTEBOOK = "one.ipynb"
CELL = 'import gradlab\ngradlab.start()\ngradlab.Panel("stateful_layer")'
SECONDS = 1.8  # a position


def main() -> None:
    """Run a notebook with one panel, photograph both positions, write the animation."""
    home = Path(tempfile.mkdtemp())
    work = home / "work"
    work.mkdir()
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL)])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, work / NOTEBOOK)
    frames = []
    with lab(work, home) as address, browser(home) as page:
        page.set_viewport_size({"width": 1366, "height": 768})
        run_all(page, address, NOTEBOOK)
        panel = page.locator(".gradlab-panel").first
        panel.locator("figure canvas[data-kind]").first.wait_for(timeout=240_000)
        page.wait_for_timeout(3000)
        # Both positions once, so that the verdict and the line that cuts, which the doctor finds meanwhile, are there.
        for position in (1, 0, 1):
            panel.locator(".gl-switch input").nth(position).click()
            page.wait_for_timeout(3000 if not frames else 800)
            box = panel.bounding_box()
            shot = page.screenshot(clip={"x": box["x"], "y": box["y"], "width": box["width"], "height": box["height"]})
            frames.append(Image.open(io.BytesIO(shot)).convert("P", palette=Image.Palette.ADAPTIVE))
    frames = frames[1:]
    target = ROOT / "docs" / "panel.gif"
    frames[0].save(target, save_all=True, append_images=frames[1:], duration=int(1000 * SECONDS), loop=0, optimize=True)
    print(f"wrote {target.relative_to(ROOT)}, {target.stat().st_size // 1000} kB")
    shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
