"""How an array that a learner computed differs from the one that is wanted, in words, with the hint for that kind of mistake.

- `compared`: the word right, or what is wrong, of an array.
- `same_numbers`: the same of a collection of whole numbers.

NumPy only. The kinds are asked in the order of what says most about the cause.
"""

from __future__ import annotations

from typing import Any

import numpy as np

NEAR = 1e-3  # relative: two arrays that differ by a factor, a sign or an order agree to this once that is taken away


def compared(found: Any, wanted: Any, atol: float = 1e-6) -> str:
    """One sentence about `found`, which should be the array `wanted` to within `atol`: "right", or "not yet: ..." with a hint.

    It never raises for what a learner may return.

    >>> compared([[1.0, 2.0]], [[1.0, 2.0]])
    'right'
    >>> compared([[-1.0, -2.0]], [[1.0, 2.0]])
    'not yet: every entry has the other sign. Hint: which factor of the product is negative?'
    """
    wanted = np.asarray(wanted, float)
    if found is None:
        return "not yet: there is no answer. Hint: the function has to return an array."
    try:
        array = np.asarray(found, float)
    except (TypeError, ValueError):
        return f"not yet: a {type(found).__name__} was returned. Hint: return an array of numbers of the shape {wanted.shape}."
    if array.shape != wanted.shape:
        return f"not yet: the shape is {array.shape}, expected {wanted.shape}. {_of_the_shape(array, wanted)}"
    if np.allclose(array, wanted, atol=atol):
        return "right"
    if not np.isfinite(array).all():
        return "not yet: it holds NaN or infinity. Hint: look for a division by zero, a root or a logarithm."
    if not array.any():
        return "not yet: every entry is zero. Hint: is the array filled in after it was made?"
    if _near(-array, wanted):
        return "not yet: every entry has the other sign. Hint: which factor of the product is negative?"
    factor = float(np.vdot(array, wanted) / np.vdot(array, array))
    if _near(array, wanted):
        return (
            f"not yet: every entry is near, and the largest error is {np.abs(array - wanted).max():.1g}. "
            "Hint: is it an approximation, such as a difference to one side only?"
        )
    if factor > 0 and _near(factor * array, wanted):
        return f"not yet: every entry has to be multiplied by {factor:.3g}. Hint: is there a mean, a square or a step size in it?"
    for axis in range(array.ndim):
        if _near(np.flip(array, axis), wanted):
            return f"not yet: the order along axis {axis} is reversed. Hint: in which order are the steps taken?"
    if array.ndim == 2 and array.shape[0] == array.shape[1] and _near(array.T, wanted):
        return "not yet: it is transposed. Hint: which index belongs to the result, and which to the input?"
    wrong = ~np.isclose(array, wanted, atol=atol)
    place = tuple(int(i) for i in np.argwhere(wrong)[0])
    return (
        f"not yet: {int(wrong.sum())} of {wrong.size} entries differ, the first at {list(place)}. "
        "Hint: work out this one entry by hand."
    )


def same_numbers(found: Any, wanted: Any, hint: str) -> str:
    """Say "right" if `found` holds the whole numbers of `wanted`, in whatever collection and order; otherwise "not yet" with the hint.

    It never raises for what a learner may return.

    >>> same_numbers([7, 4], {4, 7}, "count from 0"), same_numbers(4, {4, 7}, "count from 0")
    ('right', 'not yet: 7 is missing. Hint: count from 0.')
    """
    try:
        given = {
            int(number)
            for number in np.atleast_1d(np.asarray(sorted(found) if isinstance(found, set | dict) else found)).ravel()
        }
    except (TypeError, ValueError):
        return f"not yet: {found!r} is no collection of whole numbers. Write for example {{0, 1}}."
    wanted = {int(number) for number in wanted}
    if given == wanted:
        return "right"
    if not given:
        return f"not yet: there is no answer. Hint: {hint}."
    extra, lacking = sorted(given - wanted), sorted(wanted - given)
    said = f"{extra[0]} does not belong to it" if extra else f"{lacking[0]} is missing"
    return f"not yet: {said}. Hint: {hint}."


def _of_the_shape(array: np.ndarray, wanted: np.ndarray) -> str:
    if array.ndim == 2 and _near(array.T, wanted):
        return "Hint: it is right, and transposed."
    if array.size == wanted.size:
        return "Hint: the number of entries is right. Which axis stands for what?"
    return "Hint: print the shapes of the factors."


def _near(array: np.ndarray, wanted: np.ndarray) -> bool:
    return array.shape == wanted.shape and bool(np.allclose(array, wanted, rtol=NEAR, atol=NEAR * np.abs(wanted).max()))
