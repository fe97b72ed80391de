"""`explain`: the status from a plain tape, the reason from a recorded run."""

from __future__ import annotations

import inspect
from functools import partial
from typing import Any

from gradlab.doctor.frontends.explanation import Explanation
from gradlab.doctor.frontends.margin import margin
from gradlab.doctor.recording.frames import user_frame
from gradlab.doctor.recording.hooks import alone
from gradlab.doctor.recording.sources import collect, members, watched
from gradlab.doctor.report.report import Report
from gradlab.doctor.source_code.scope import user_scope


def explain(
    fn: Any,
    sources: Any = None,
    y: Any = None,
    *,
    watch: Any = (),
    owner: Any = None,
    level: str = "full",
    sample_weight: Any = None,
    class_weight: Any = None,
) -> Report:
    """Say for each source whether a gradient flows from the loss, and if not, which line cut it, why, and what to do.

    Parameters
    ----------
    fn
        Computes and returns the scalar loss, as it would under a tape. It is called without arguments: of a function that
        takes some pass `lambda: loss_fn(x, y)`. Or a compiled Keras
        model: then `explain(model, x, y)` explains one training step as `fit` would take it (`training_step`), `x` being
        a batch or a `tf.data.Dataset`, `sample_weight` and `class_weight` those of `fit`.
    sources
        What the gradient is asked for: a dict of names to variables or tensors, a list, a Keras layer or model, or a
        `tf.Module`.
    watch
        Names of sources, or tensors, that the user's tape watches (`tape.watch`).
    owner
        The layer, model or module that the list came from, to explain a list that is empty or too short.
    level
        "full", or "quick": `fn` does not run again for evidence. Then no gradient is compared with finite differences (so
        none is called wrong), and less is known of values that leave TensorFlow.

    Returns
    -------
    Report
        With one row for each source, and one for each variable that the loss depends on and the list lacks. Its `.lines`
        are the line gradients of the code; where a run takes less than a second they are shown with the report.

    Raises
    ------
    TypeError, ValueError, LookupError
        The arguments, or what `fn` returns, cannot be explained; the message names the thing. An exception of `fn`
        itself is raised again as RuntimeError that names the user's line, with the original as its cause.

    Notes
    -----
    The status is that of a plain `tf.GradientTape` around `fn`. `fn` runs twice, and again for finite differences, 120
    times or 30 s at most, and once more when its line gradients are shown; variables and random generators are put back after each run. All intermediate values stay
    alive meanwhile, so memory is that of a forward pass. Norms are Euclidean, in the units of the loss over those of the
    source.

    Examples
    --------
    >>> import tensorflow as tf, gradlab
    >>> w = tf.Variable([1.2, 2.7])
    >>> report = gradlab.explain(lambda: tf.reduce_sum(tf.round(w) * 2.0), {"w": w})
    >>> row = report.row("w")
    >>> str(row.status), row.cause, str(row.certainty)
    ('none', 'no-gradient-op', 'certain')
    """
    if _is_model(fn):
        if sources is None:
            raise TypeError("explain(model) has no batch; expected explain(model, x, y), or explain(model, dataset)")
        from gradlab.doctor.frontends.training_step import explain_model

        return explain_model(fn, sources, y, sample_weight=sample_weight, class_weight=class_weight, level=level)
    if not callable(fn):
        raise TypeError(
            f"fn is a {type(fn).__name__}; expected a function without arguments that computes and returns the loss: "
            "explain(lambda: loss_fn(x, y), sources)"
        )
    check_takes_nothing(fn)
    if level not in ("full", "quick"):
        raise ValueError(f"level is {level!r}; expected 'full' or 'quick'")
    caller = user_frame()
    with alone():
        found, owner = collect(sources, owner)
        inside = members(sources)
        report = Explanation(fn, found, watched(watch, found), owner, level, user_scope(fn, caller), inside).report()
    # Of an empty list there are no line gradients: those of its owner's variables are shown.
    report.look = partial(margin, fn, sources if found or owner is None else owner, watch, report)
    return report


def check_takes_nothing(fn: Any) -> None:
    """TypeError for a function that cannot be called without arguments."""
    try:
        needed = [
            p.name
            for p in inspect.signature(fn).parameters.values()
            if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
        ]
    except (TypeError, ValueError):  # some callables of C have no signature to look at
        return
    if needed:
        name = getattr(fn, "__name__", type(fn).__name__)
        name = "loss_fn" if name == "<lambda>" else name
        raise TypeError(
            f"{name} needs the argument{'s' * (len(needed) > 1)} {', '.join(needed)}, and explain calls it without arguments; "
            f"expected a function that takes none: explain(lambda: {name}({', '.join(needed)}), sources)"
        )


def _is_model(thing: Any) -> bool:
    return any(kind.__name__ == "Model" and "keras" in kind.__module__ for kind in type(thing).__mro__)
