"""The lab as a static site: every panel works without a kernel, because every position was computed when it was built.

Read in this order: `grid` (which positions of the knobs), `compute` (one of them, measured by the panel itself), `chunks`
and `farm` (all of them, kept under a hash, in worker processes), `pack` (a scenario as one string), `bundle` (the panel's
JavaScript as one classic script), `sources` and `pages` (what Sphinx is given), `build` (all of it, and the swap at the end).
"""
