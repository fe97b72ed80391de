"""Train the three networks of notebook 06 and write their curves into gradlab/lab/reversing.json, which notebook 00 draws.

The code is that of the notebook, read from its script, so that there is one. It takes about half a minute:

    python tools/reversing_curves.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
CELLS = ("sequences = np.stack", "def make(how):", "curves[how] = curve")  # by a text that no other cell has


def curves() -> dict[str, Any]:
    """{"every": steps between two points, "curves": {version: accuracies from 0 to 1}, "TensorFlow": version}."""
    import jupytext
    import tensorflow as tf

    cells = [c.source for c in jupytext.read(NOTEBOOKS / "06_encoder_decoder.py", fmt="py:percent").cells]
    names: dict[str, Any] = {"tf": tf, "device": "/CPU:0"}
    for mark in CELLS:
        (source,) = [c for c in cells if mark in c]
        exec(source, names)
    return {"every": 20, "TensorFlow": tf.__version__, "curves": names["curves"]}


if __name__ == "__main__":
    target = NOTEBOOKS.parent / "gradlab" / "lab" / "reversing.json"
    target.write_text(json.dumps(curves(), indent=1) + "\n", encoding="utf-8")
    print(f"wrote {target}")
