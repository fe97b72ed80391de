"""Positions of a site beside live runs, in worker processes. A sample of all panels, packed as a site packs it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from site_pages import differences

from gradlab.site import farm
from gradlab.site.compute import panel_of, position
from gradlab.site.grid import MOST, axes, positions
from gradlab.site.pack import Base, pack


def as_a_site_computes(name: str, count: int, base: Base | None = None) -> tuple[str, list[dict[str, Any]]]:
    """(the packed string of `count` positions of a panel, their knobs), in a worker of `gradlab.site.farm`.

    Panels with equal knobs give equal positions, so that the numbers of a base are among them.
    """
    from gradlab.site.kernels import keep

    if not farm._kept:
        farm._kept.append(keep())
    panel = panel_of(name)
    every = positions(axes(panel.page["knobs"], MOST))
    drawn = np.random.default_rng(0).choice(len(every), min(count, len(every)), replace=False)
    knobs = [every[i] for i in sorted(drawn)]
    grid = [{"name": "drawn", "values": list(range(len(knobs))), "of": len(knobs)}]
    found = [position(panel, at) for at in knobs]
    panel.close()
    return pack(name, {}, grid, found, {}, {}, base), knobs


def unlike_a_live_run(name: str, found: Sequence[dict[str, Any]]) -> list[tuple[dict[str, Any], list[str]]]:
    """[(knobs, what differs)] of positions as a browser has them from those that a panel measures here and now.

    Nothing of how a site computes is in the way: no prepared op is kept, and nothing is read from a cache.
    """
    from gradlab.runtime.tf_environment import set_tf_defaults

    set_tf_defaults()
    if farm._kept:
        raise RuntimeError("this process keeps prepared ops, so it runs nothing as a notebook does")
    panel = panel_of(name)
    wrong = [(one["knobs"], differences(one, panel)) for one in found]
    panel.close()
    return [(knobs, what) for knobs, what in wrong if what]
