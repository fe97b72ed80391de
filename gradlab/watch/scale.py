"""The colour scale of gradients under training: log10 of a norm, fixed, so that two pictures compare.

A norm below 1e-8 is dark and above 1e4 bright: float32 keeps seven digits, so with weights near 1 an update from a norm
below 1e-8 is lost in rounding; above 1e4 few learning rates are small enough. A ratio (update / weight) has its own.
"""

LOW, HIGH = -8.0, 4.0
RATIO_LOW, RATIO_HIGH = -8.0, 1.0


def limits(what: str) -> tuple[float, float]:
    """(low, high) in log10 for "ratio" or a norm."""
    return (RATIO_LOW, RATIO_HIGH) if what == "ratio" else (LOW, HIGH)
