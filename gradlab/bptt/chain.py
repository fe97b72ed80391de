"""What a layer does to a change as it carries it through time: the map of its Jacobians, each step, and its memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gradlab.jacobians import jacobian
from gradlab.jacobians.progress import progress_bar

TENTH = -1.0  # log10: the memory ends where the influence has fallen to a tenth of its largest
SVD_AT_ONCE = 64  # matrices between two updates of the progress bar


@dataclass
class Chain:
    """Positions of the sequence on both axes; for a layer that reads backwards these are not its steps in order."""

    map: np.ndarray | None = None  # (B, T, T) float64: log10 |d h_t / d x_s|; -inf is exactly zero, NaN not finite
    singular: np.ndarray | None = None  # (B, T): the largest singular value of d state_t / d (state before)
    refused: str = ""  # why there is none


def chain(layer: Any, inputs: Any, entering: list[Any], mask: Any, masked: np.ndarray) -> Chain:
    """The exact Jacobians of one layer on the inputs that it read inside the model, with dropout off.

    What `gradlab.jacobian` refuses is refused here in its words.
    """
    try:
        found = jacobian(layer, inputs, initial_state=entering, mask=mask)
        norms = np.asarray(found.norms())
        steps = np.asarray(found.step)
    except (TypeError, ValueError, MemoryError) as error:
        return Chain(refused=str(error))
    sizes = np.empty(steps.shape[:2])
    flat = steps.reshape(-1, *steps.shape[2:])
    with progress_bar(len(flat), "singular values", True) as bar:
        for at in range(0, len(flat), SVD_AT_ONCE):
            part = flat[at : at + SVD_AT_ONCE].astype("float64")
            fine = np.isfinite(part).all((1, 2))
            out = np.full(len(part), np.nan)
            if fine.any():
                out[fine] = np.linalg.norm(part[fine], 2, (1, 2))
            sizes.ravel()[at : at + SVD_AT_ONCE] = out
            bar.update(len(part))
    if layer.go_backwards:  # from processing order to positions
        norms, sizes = norms[:, ::-1], sizes[:, ::-1]
    norms = np.where(masked[:, :, None] | masked[:, None, :], -np.inf, norms)
    return Chain(norms, sizes)


def influence(norms: np.ndarray, masked: np.ndarray, backwards: bool) -> np.ndarray:
    """(T,) log10 of the influence at each lag: the median over samples and positions of log10 |d h_t / d x_s|, where x_s
    was read `lag` steps before h_t was made. Masked positions do not count. NaN where a lag has no pair, or a pair that
    is not finite.
    """
    steps = norms.shape[1]
    held = ~masked
    out = np.full(steps, np.nan)
    for lag in range(steps):
        pairs = np.diagonal(norms, lag if backwards else -lag, 1, 2)
        counted = pairs[held[:, lag:] & held[:, : steps - lag]]
        if counted.size and not np.isnan(counted).any():
            out[lag] = np.median(counted)
    return out


def memory(curve: np.ndarray) -> float | None:
    """The lag at which the influence has fallen to a tenth of its largest, between two lags by a straight line in the
    logarithm; None where it has not within the sequence, or where the curve is not finite.
    """
    known = curve[~np.isnan(curve)]
    if len(known) < len(curve) and np.isnan(curve[: len(known)]).any():
        return None
    if not len(known) or not np.isfinite(known.max()):
        return None
    top = int(np.argmax(known))
    wanted = known[top] + TENTH
    for lag in range(top + 1, len(known)):
        if known[lag] <= wanted:
            if not np.isfinite(known[lag]):
                return float(lag)
            return lag - 1 + float((known[lag - 1] - wanted) / (known[lag - 1] - known[lag]))
    return None
