"""A real fit in a real JupyterLab: the picture moves while it trains, keys read values, the kernel can be interrupted."""

import os
import sys
from pathlib import Path

import nbformat
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
from browser import browser, executable, lab, run_all
from playwright.sync_api import expect

pytestmark = [
    pytest.mark.xdist_group("browser"),
    pytest.mark.skipif(
        executable() is None and os.environ.get("CI") != "true",
        reason="NO CHROMIUM FOUND: WATCH WAS NOT TRIED IN A BROWSER",
    ),
]

FIT = """
import time
import numpy as np
import tensorflow as tf
import gradlab

class Slow(tf.keras.callbacks.Callback):
    def on_train_batch_begin(self, batch, logs=None):
        time.sleep(0.05)

x = np.random.RandomState(0).randn(64, 4).astype("float32")
model = tf.keras.Sequential([tf.keras.Input((4,)), tf.keras.layers.Dense(6, "tanh"), tf.keras.layers.Dense(1)])
model.compile("adam", "mse")
watch = gradlab.Watch()
model.fit(x, x[:, :1], epochs=100000, batch_size=32, verbose=0, callbacks=[Slow(), watch])
"""
THROUGH = """
recurrent = tf.keras.Sequential([tf.keras.Input((6, 2)), tf.keras.layers.LSTM(3, return_sequences=True), tf.keras.layers.GRU(2)])
gradlab.through_time(recurrent, np.random.RandomState(0).randn(2, 6, 2).astype("float32"))
"""
AFTER = """
from gradlab.watch import hooks
print("left:", hooks.installed(), "train_step" in vars(model), type(vars(model)["train_function"]).__module__)
"""


def test_a_fit_is_seen_while_it_runs_and_can_be_interrupted(tmp_path_factory):
    assert executable(), "there is no Chromium, and CI=true says that there has to be one"
    home, work = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("work")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(FIT.strip()), nbformat.v4.new_code_cell("")])
    notebook.cells[1].source = AFTER.strip()
    notebook.cells.append(nbformat.v4.new_code_cell(THROUGH.strip()))
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, work / "fit.ipynb")
    with lab(work, home, start=False) as address, browser(tmp_path_factory.mktemp("browser")) as page:
        run_all(page, address, "fit.ipynb")
        canvas = page.locator(".glw canvas").first
        canvas.wait_for(timeout=180_000)
        page.wait_for_function("document.querySelector('.glw canvas').dataset.steps > 5", timeout=120_000)
        first, drawn = int(canvas.get_attribute("data-steps")), canvas.evaluate("canvas => canvas.toDataURL()")
        page.wait_for_function(f"document.querySelector('.glw canvas').dataset.steps > {first + 20}", timeout=120_000)
        assert canvas.evaluate("canvas => canvas.toDataURL()") != drawn  # the picture itself, while the cell runs
        assert page.locator(".jp-InputPrompt").first.inner_text() == "[*]:"
        expect(page.locator(".glw-scale").first).to_contain_text("Colour: 1e-8 or less")

        canvas.focus()
        page.keyboard.press("ArrowDown")
        expect(page.locator(".glw-line").first).to_contain_text("dense/bias, step")
        page.keyboard.press("Enter")
        expect(page.locator(".glw-line").first).to_contain_text("▸")
        page.get_by_label("update / weight").check()
        assert "update / weight" in canvas.get_attribute("aria-label")
        if os.environ.get("GRADLAB_SCREENSHOT"):
            page.locator(".jp-Cell").first.screenshot(path=os.environ["GRADLAB_SCREENSHOT"])

        page.get_by_role("menuitem", name="Kernel", exact=True).click()
        page.get_by_role("menuitem", name="Interrupt Kernel").click()
        expect(page.locator(".jp-OutputArea-output").filter(has_text="KeyboardInterrupt").first).to_be_visible(
            timeout=60_000
        )
        # The kernel throws away what Run All has queued behind the interrupted cell, and whatever arrives meanwhile.
        page.get_by_text("Python 3 (ipykernel) | Idle").wait_for(timeout=60_000)
        page.wait_for_timeout(2_000)
        page.locator(".jp-Cell").nth(1).click()
        page.keyboard.press("Shift+Enter")
        last = page.locator(".jp-Cell").nth(1).locator(".jp-OutputArea-output")
        expect(last).to_contain_text("left: 0 False", timeout=60_000)
        assert "gradlab" not in last.inner_text()

        page.keyboard.press("Shift+Enter")  # the cell below, in the same kernel
        picture = page.locator(".glt canvas").first
        picture.wait_for(timeout=120_000)
        picture.focus()
        page.keyboard.press("ArrowRight")
        said = page.locator(".glt .glt-line").first
        expect(said).to_contain_text("|d loss / d h|, unit 0, position 1:")
        page.locator(".glt").get_by_label("|d h_t / d x_s|").check()
        assert picture.get_attribute("data-view") == "map"
        picture.focus()
        expect(said).to_contain_text("exactly 0")  # h_0 has not read x_1
        page.locator(".glt select").first.select_option("1")
        assert "gru" in picture.get_attribute("aria-label")
        if os.environ.get("GRADLAB_SCREENSHOT"):
            page.locator(".glt").first.screenshot(path=os.environ["GRADLAB_SCREENSHOT"] + ".through_time.png")
        assert [c for c in page.complaints if "glw" in c or "glt" in c or "anywidget" in c] == []
