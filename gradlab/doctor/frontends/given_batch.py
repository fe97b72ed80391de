"""Is what was handed over a batch that `fit` could train on? If not, an error that names the thing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import tensorflow as tf

NAMES = ("x", "y", "sample_weight")


def first_of(dataset: Any) -> Any:
    """The first batch of a `tf.data.Dataset`. ValueError if there is none."""
    found = next(iter(dataset), None)
    if found is None:
        raise ValueError(
            f"x is a tf.data.Dataset without any batch (cardinality {int(dataset.cardinality())}); expected at least one. Look "
            "at what filters it or is read by it, and at batch(..., drop_remainder=True) with too few samples"
        )
    return found


def check_samples(given: tuple[Any, ...], of_dataset: bool) -> None:
    """ValueError for parts of a batch without samples, and for arrays that `fit` would refuse: without a batch axis, or
    with different numbers of samples."""
    counts: dict[str, int] = {}
    for what, part in zip(NAMES, given, strict=True):
        for leaf in [] if part is None else tf.nest.flatten(part):
            shape = leaf.shape
            if shape.rank == 0 and not of_dataset:
                raise ValueError(
                    f"{what} is one {leaf.dtype.name} without a batch axis; expected an array or a tensor of shape (samples, ...)"
                )
            count = shape[0] if shape.rank else None
            if count == 0:
                raise ValueError(f"{what} has no samples: its shape is {tuple(shape)}; expected at least one")
            if count is not None and not of_dataset:
                counts.setdefault(what, count)
                if count != next(iter(counts.values())):
                    said = ", ".join(f"{name} has {n}" for name, n in {**counts, what: count}.items())
                    raise ValueError(
                        f"the batch is not of one size: {said} samples (the first axis); expected the same number in each"
                    )


def check_targets(model: Any, y: Any, own: Callable[[Any, str], bool], asked: str) -> None:
    """ValueError where `y` is left out and the compiled loss compares with it."""
    compiled = [loss for loss in tf.nest.flatten(getattr(model, "loss", None)) if loss is not None]
    if y is not None or not compiled or own(model, "train_step") or own(model, "compute_loss") or model.losses:
        return
    shown = ", ".join(
        loss if isinstance(loss, str) else getattr(loss, "__name__", type(loss).__name__) for loss in compiled
    )
    raise ValueError(
        f"y is None, and {type(model).__name__} {model.name!r} is compiled with a loss that compares with it ({shown}); expected "
        f"{asked}(model, x, y), or {asked}(model, dataset) with batches (x, y)"
    )


def misfit(model: Any, x: Any) -> str:
    """What is wrong with the shape of x for the inputs that the model has; "" where nothing is, or where that is not known."""
    try:
        inputs = tf.nest.flatten(model.inputs)
    except (AttributeError, ValueError):  # a subclass of Model, or one that has not been called
        return ""
    wanted = {str(t.name).partition(":")[0]: tuple(t.shape) for t in inputs if t is not None}
    named = isinstance(x, dict) and set(x) == set(wanted)
    parts = [x[name] for name in wanted] if named else tf.nest.flatten(x)
    what = f"{type(model).__name__} {model.name!r}"
    if len(parts) != len(wanted):
        return (
            f"x has {len(parts)} part{'s' * (len(parts) > 1)}, and {what} has {len(wanted)} input{'s' * (len(wanted) > 1)}"
            if wanted
            else ""
        )
    for n, (part, (name, shape)) in enumerate(zip(parts, wanted.items(), strict=True)):
        found = tuple(part.shape)
        if len(found) == len(shape) and all(
            a is None or b is None or a == b for a, b in zip(found, shape, strict=True)
        ):
            continue
        which = f"x[{name!r}]" if named else f"x[{n}]" if len(parts) > 1 else "x"
        missing = len(found) == len(shape) - 1
        mend = "the batch axis may be missing: dataset.batch(n), or x[None]" if missing else "give x that shape"
        return f"{which} has shape {found}, and {what} was built for {shape} (None: any number); {mend}"
    return ""


@contextmanager
def shapes_named(model: Any, x: Any) -> Iterator[None]:
    """Where the block fails and x does not fit the model's inputs: ValueError that says so, from what was raised."""
    try:
        yield
    except Exception as error:
        said = misfit(model, x)
        if not said:
            raise
        raise ValueError(said) from error
