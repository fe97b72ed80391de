"""axe-core, and a measure of contrast of our own: inside JupyterLab axe-core judges no contrast at all.

axe-core comes from npm (`package.json`); `make test` installs it where npm is found.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

AXE = Path(__file__).parents[1] / "node_modules" / "axe-core" / "axe.min.js"
ABSENT = not AXE.exists() and os.environ.get("CI") != "true"
WHY = "NO axe-core (npm install): ACCESSIBILITY WAS CHECKED BY OUR OWN MEASURE OF CONTRAST ALONE"

# Every text against the nearest background above it, by WCAG's formula; what is below 4.5 is returned. Opacity counts.
# Greyed-out controls and what is there for ears alone are left out, as WCAG does.
CONTRAST = """root => {
  const channel = c => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const light = c => 0.2126 * channel(c[0]) + 0.7152 * channel(c[1]) + 0.0722 * channel(c[2]);
  const parse = s => (s.match(/[\\d.]+/g) || []).map(Number);
  const bad = [];
  for (const node of root.querySelectorAll('*')) {
    if (![...node.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()) || !node.checkVisibility()) continue;
    if (node.closest(':disabled, .gl-said, style, title') || node.closest('label')?.querySelector('input:disabled')) continue;
    let back = node, colour = [0, 0, 0, 0], seen = 1;
    while (back && !((colour = parse(getComputedStyle(back).backgroundColor)).length === 3 || colour[3] > 0.9)) back = back.parentElement;
    for (let at = node; at && at !== back; at = at.parentElement) seen *= Number(getComputedStyle(at).opacity);
    if (!back) colour = [255, 255, 255];
    const style = getComputedStyle(node), ink = parse(node.namespaceURI.endsWith('svg') ? style.fill : style.color);
    const mixed = [0, 1, 2].map(i => seen * ink[i] + (1 - seen) * colour[i]);
    const [a, b] = [light(mixed), light(colour)].sort((x, y) => y - x), ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) bad.push(`${node.tagName}.${node.getAttribute('class')} "${node.textContent.slice(0, 30)}" ${ratio.toFixed(2)}`);
  }
  return bad;
}"""

RUN = """async root => {
  const found = await axe.run(root, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    rules: { region: { enabled: false }, "page-has-heading-one": { enabled: false }, "landmark-one-main": { enabled: false }, "heading-order": { enabled: false } } });
  return found.violations.flatMap(v => v.nodes.map(n => `${v.id}: ${n.target.join(" ")}: ${n.failureSummary.split("\\n").slice(1).join(";")}`));
}"""


def violations(page: Any, root: Any) -> list[str]:
    """What axe-core finds under `root`: WCAG 2.2 A and AA and its best practices. Rules about a whole page are left out:
    a panel is a part of one."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(AXE.read_text(encoding="utf-8"))
    return root.evaluate(RUN)
