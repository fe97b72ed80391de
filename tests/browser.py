"""A real JupyterLab and a real headless browser, for the tests that need both."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import warm

FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()


def executable() -> str | None:
    """The browser to drive: GRADLAB_BROWSER, or the first Chromium on the path."""
    names = (os.environ.get("GRADLAB_BROWSER"), "chromium", "chromium-browser", "google-chrome", "chrome")
    return next((found for name in names if name and (found := shutil.which(name))), None)


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@contextlib.contextmanager
def lab(folder: Path, home: Path, start: bool = True):
    """A JupyterLab server on the folder; yields its address. Ended by its process id.

    `start=False`: its kernels have TensorFlow imported before, for a test that is not about the start.
    """
    port = free_port()
    environment = {**os.environ, "HOME": str(home), "JUPYTER_RUNTIME_DIR": str(home / "runtime")}
    environment.pop("GRADLAB_STRICT", None)  # a learner's lab shows errors in the panel
    if not start:
        environment["JUPYTER_PATH"] = warm.kernels()
    command = [sys.executable, "-m", "jupyter", "lab", "--no-browser", "--ip=127.0.0.1", f"--port={port}"]
    command += ["--IdentityProvider.token=", "--ServerApp.allow_root=True", f"--ServerApp.root_dir={folder}"]
    with open(home / "lab.log", "w") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        address = f"http://127.0.0.1:{port}"
        for _ in range(240):
            with contextlib.suppress(OSError):
                json.load(urllib.request.urlopen(f"{address}/api/status", timeout=2))
                break
            if server.poll() is not None:
                raise RuntimeError((home / "lab.log").read_text()[-3000:])
            time.sleep(0.5)
        else:
            raise TimeoutError(
                f"JupyterLab did not answer within two minutes:\n{(home / 'lab.log').read_text()[-3000:]}"
            )
        yield address
    finally:
        server.terminate()
        server.wait(timeout=30)


@contextlib.contextmanager
def browser(home: Path):
    """A page in a fresh headless browser; what its console complains of is collected in `page.complaints`."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            str(home / "profile"),
            executable_path=executable(),
            args=FLAGS,
            viewport={"width": 1300, "height": 1600},
        )
        page = context.new_page()
        page.complaints = []
        page.on("console", lambda m: page.complaints.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda e: page.complaints.append(str(e)))
        try:
            yield page
        finally:
            context.close()


def open_notebook(page, address: str, notebook: str) -> None:
    """Open a notebook in JupyterLab and wait for its kernel."""
    page.goto(f"{address}/lab/tree/{notebook}?reset")
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for(timeout=120_000)


def run_all(page, address: str, notebook: str) -> None:
    """Open a notebook in JupyterLab and run all of its cells, by the menu as a learner would."""
    open_notebook(page, address, notebook)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()


def heatmaps(panel) -> list[tuple[str, str]]:
    """(kind, alternative text) of every heatmap of a panel, as the browser has them."""
    found = panel.locator("figure canvas").all()
    return [(c.get_attribute("data-kind"), c.get_attribute("aria-label")) for c in found]


def pixels(panel) -> str:
    """What the first heatmap shows, as the data URL of its canvas."""
    return panel.locator("figure canvas").first.evaluate("canvas => canvas.toDataURL()")
