"""How three versions of one network learned to write digits backwards, while they were trained.

- `curves`: the picture. The numbers were measured with the code of notebook 06, by `tools/reversing_curves.py`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gradlab.lab.heatmap import as_picture

MEASURED = Path(__file__).with_name("reversing.json")


def curves() -> Any:
    """Share of sequences without a mistake, in %, by step of training, a curve for each version: a picture with its text.

    >>> from gradlab.lab.reversing import curves
    >>> repr(curves()).partition(":")[0]
    'Share of sequences without a mistake at the end'
    """
    from matplotlib.figure import Figure

    measured = json.loads(MEASURED.read_text(encoding="utf-8"))
    figure = Figure(figsize=(7, 3), layout="constrained")
    axes = figure.subplots()
    ends = {}
    for (version, curve), style in zip(measured["curves"].items(), ("-", ":", "--"), strict=True):
        steps = [measured["every"] * i for i in range(len(curve))]
        axes.plot(steps, [100 * share for share in curve], style, color="black", label=version)
        ends[version] = f"{100 * curve[-1]:.0f} %"
    axes.set(xlabel="step of training", ylabel="right, %", ylim=(-3, 103))
    figure.legend(loc="outside lower center", ncols=2)
    told = "; ".join(f"{version}: {end}" for version, end in ends.items())
    return as_picture(figure, f"Share of sequences without a mistake at the end: {told}")
