"""How long a page of the site takes from the click to a first panel that can be used, from the disk and over a slow line.

    python benchmarks/site.py DIR [--page index.html] [--loads 10] [--slow]

Each load is in a fresh context of one browser, so nothing of the page is in its caches; the files are in the disk's cache from a
load before. The clock starts where the browser's navigation does and stops in the first task after the frame in which the panel
is drawn. Printed: the median and the worst of the clock; of the page's main thread the medians of all tasks, of scripts, of style
and layout; bytes by file where the line is slow (1.6 Mbit/s, 150 ms of delay, by `gradlab.site.serve` on this machine, which
does not compress).
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import threading
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from browser import FLAGS, executable

from gradlab.site.serve import server

LINE = {"offline": False, "latency": 150, "downloadThroughput": 1.6e6 / 8, "uploadThroughput": 0.75e6 / 8}
WATCH = """
new MutationObserver((_, observer) => {
  if (!document.querySelector("[data-panel][data-state=ready]")) return;
  observer.disconnect();
  requestAnimationFrame(() => setTimeout(() => { window.usable = performance.now(); }));
}).observe(document, { subtree: true, childList: true, attributes: true, attributeFilter: ["data-state"] });
"""
PARTS = ("TaskDuration", "ScriptDuration", "RecalcStyleDuration", "LayoutDuration")


def load(browser: Any, address: str, slow: bool) -> dict[str, Any]:
    """One load: {"clock": s, part of the main thread: s, "files": {name: bytes}}."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.add_init_script(WATCH)
    session = context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    if slow:
        session.send("Network.enable")
        session.send("Network.emulateNetworkConditions", LINE)
    page.goto(address, wait_until="commit")
    page.wait_for_function("window.usable", timeout=120_000)
    found: dict[str, Any] = {"clock": page.evaluate("window.usable") / 1000}
    found |= {m["name"]: m["value"] for m in session.send("Performance.getMetrics")["metrics"] if m["name"] in PARTS}
    sizes = page.evaluate("performance.getEntries().filter((e) => e.encodedBodySize).map((e) => [e.name, e.encodedBodySize, Math.round(e.responseEnd)])")  # fmt: skip
    found["files"] = {name.rpartition("/")[2].partition("?")[0]: (size, end) for name, size, end in sizes}
    context.close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("site", type=Path)
    parser.add_argument("--page", default="index.html")
    parser.add_argument("--loads", type=int, default=10)
    parser.add_argument("--slow", action="store_true")
    chosen = parser.parse_args()
    running = server(chosen.site, 0)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{running.server_address[1]}" if chosen.slow else chosen.site.resolve().as_uri()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=FLAGS)
        load(browser, f"{base}/{chosen.page}", False)
        before = os.getloadavg()[0]
        found = [load(browser, f"{base}/{chosen.page}", chosen.slow) for _ in range(chosen.loads)]
        browser.close()
    running.shutdown()
    clock = sorted(one["clock"] for one in found)
    said = ", ".join(f"{part} {statistics.median(one[part] for one in found):.2f} s" for part in PARTS)
    print(f"{chosen.page}, {chosen.loads} loads, load average {before:.1f} to {os.getloadavg()[0]:.1f}")
    print(f"first panel usable: median {statistics.median(clock):.2f} s, {clock[0]:.2f} to {clock[-1]:.2f} s; {said}")
    if chosen.slow:
        files = found[-1]["files"]
        print(f"{sum(size for size, _ in files.values()):,} bytes before it")
        for name, (size, end) in sorted(files.items(), key=lambda f: f[1][1]):
            print(f"  {end:6} ms  {size:9,}  {name}")


if __name__ == "__main__":
    main()
