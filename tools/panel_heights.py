"""Print how high each scenario's panel is on a laptop, at both positions and at both ends of each knob, and whether
everything that matters is in sight. The panel asks for a prediction first, as it does in the notebooks: it is higher then.

python tools/panel_heights.py [--knobs] [name ...]
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))
from panel_page import add, bare_page, traits  # noqa: E402

import gradlab  # noqa: E402
from gradlab.panel.influence_panel import InfluencePanel  # noqa: E402

# What would be out of sight: a heatmap below its box, or the switch's line, a strip or the cut outside the code's box.
HIDDEN = """panel => {
  const out = [], inside = (node, box) => { const a = node.getBoundingClientRect(), b = box.getBoundingClientRect(); return a.top >= b.top - 1 && a.bottom <= b.bottom + 1; };
  const code = panel.querySelector('.gl-code'), tiles = panel.querySelector('.gl-tiles');
  for (const tile of tiles.querySelectorAll('.gl-tile canvas')) if (!inside(tile, tiles)) out.push('heatmap');
  for (const line of code ? code.querySelectorAll('.gl-switch-line, .gl-cut, .gl-raised') : []) if (!inside(line, code)) out.push('marked line');
  for (const strip of code ? code.querySelectorAll('.gl-strip') : []) if (strip.style.visibility !== 'hidden' && strip.checkVisibility() && !inside(strip, code)) out.push('strip');
  const outcome = panel.querySelector('.gl-outcomes');
  if (outcome.scrollHeight > outcome.clientHeight + 2) out.push('end of the outcome');
  return [...new Set(out)].join(', ') || 'nothing';
}"""


def main(arguments: list[str]) -> None:
    """One row of a Markdown table a panel."""
    knobs = "--knobs" in arguments
    names = [a for a in arguments if not a.startswith("-")] or [*gradlab.names(), "InfluencePanel"]
    print("| panel | lines | off | on |" + (" knobs at their ends |" if knobs else "") + " out of sight |")
    print("|---|---|---|---|" + ("---|" if knobs else "") + "---|")
    with bare_page() as page:
        for name in names:
            panel = InfluencePanel() if name == "InfluencePanel" else gradlab.Panel(name, predict=True)
            if name != "InfluencePanel":
                panel.find_cut()
            shown = add(page, traits(panel))
            page.wait_for_timeout(200)
            if shown.locator(".gl-predict").count():
                for choice in shown.locator(".gl-predict select").all():
                    choice.select_option("none")
                if shown.locator(".gl-letters input").count():
                    shown.locator(".gl-letters input").first.check()
                shown.get_by_role("button", name="Lock in").click()
            heights = [round(shown.bounding_box()["height"])]
            hidden = shown.evaluate(HIDDEN)
            shown.locator(".gl-switch input").nth(1).click()
            page.wait_for_timeout(200)
            heights.append(round(shown.bounding_box()["height"]))
            hidden = " / ".join(dict.fromkeys([hidden, shown.evaluate(HIDDEN)]))
            ends: list[str] = []
            if knobs:
                for knob in panel.page["knobs"]:
                    values = [knob["low"], knob["high"]] if knob["type"] == "range" else knob["options"]
                    for value in values:
                        panel.turn(**{knob["name"]: value})
                        page.evaluate("traits => models[models.length - 1].give(traits)", {k: v for k, v in traits(panel).items() if k in ("data", "scene", "knobs")})  # fmt: skip
                        page.wait_for_timeout(100)
                        ends.append(str(round(shown.bounding_box()["height"])))
                    panel.turn(**{knob["name"]: knob["start"]})
            row = [name, len(panel.page["code"]), *heights, *([" ".join(dict.fromkeys(ends))] if knobs else []), hidden]
            print("| " + " | ".join(map(str, row)) + " |", flush=True)
            panel.close()
            page.evaluate("() => { ends.pop()(); models.pop(); document.querySelector('.gradlab-panel').remove(); }")
        assert not page.complaints, page.complaints


if __name__ == "__main__":
    main(sys.argv[1:])
