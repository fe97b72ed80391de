"""Find a Chromium for the browser tests, installing one where that can be done, and print its path.

GRADLAB_BROWSER=path names one; else those on the PATH are tried, then Playwright's own, then apt-get (root on Debian)
or Playwright's download. Without a browser: exit 1 under CI=true; elsewhere a loud message, an empty line and exit 0.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge"]
MAC = "/Applications/{0}.app/Contents/MacOS/{0}"


def say(line: str) -> None:
    print(f"gradlab: {line}", file=sys.stderr, flush=True)


def runs(path: str | None) -> bool:
    """Whether `path` starts: Ubuntu's chromium-browser, for one, is only a pointer to a snap."""
    if not path:
        return False
    try:
        return subprocess.run([path, "--version"], capture_output=True, timeout=60).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def installed() -> str | None:
    places = [shutil.which(name) for name in NAMES]
    places += [MAC.format(name) for name in ("Google Chrome", "Chromium")]
    return next((place for place in places if runs(place)), None)


def playwrights_own() -> str | None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if runs(path) else None


def attempt(*command: str) -> bool:
    say("no Chromium found; trying: " + " ".join(command))
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:  # what it prints is progress: only the path may go to our standard output
        return subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, stdout=sys.stderr).returncode == 0
    except OSError as error:
        say(str(error))
        return False


def fetch() -> str | None:
    os_release = Path("/etc/os-release")
    debian = os_release.exists() and "\nID=debian" in "\n" + os_release.read_text(encoding="utf-8")
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    if debian and root and attempt("apt-get", "update", "-q"):
        attempt("apt-get", "install", "-q", "-y", "--no-install-recommends", "chromium")
        if found := installed():
            return found
    libraries = ["--with-deps"] if sys.platform == "linux" and root else []
    attempt(sys.executable, "-m", "playwright", "install", *libraries, "chromium")
    return playwrights_own()


def main() -> None:
    os.environ.setdefault("PLAYWRIGHT_BROWSERS_PATH", str(ROOT / ".cache" / "playwright"))
    named = os.environ.get("GRADLAB_BROWSER")
    if named:
        if not runs(named):
            sys.exit(f"gradlab: GRADLAB_BROWSER={named} does not start; name a Chromium or unset the variable")
        print(named)
        return
    found = installed() or playwrights_own() or fetch()
    if found:
        print(found)
    elif os.environ.get("CI") == "true":
        sys.exit("gradlab: no Chromium found and none could be installed: the browser tests cannot run (CI=true)")
    else:
        say("!!! NO CHROMIUM: THE BROWSER TESTS WILL BE SKIPPED. Install chromium or Chrome or set GRADLAB_BROWSER")
        print()


if __name__ == "__main__":
    main()
