"""The weight of a loss that is zero in `compile(loss_weights=...)`, and the line of the text that says so.

Keras multiplies the loss of each output with its weight inside its own training step, where the only line of the user's
is `model.fit(...)`. The weights are those that the compiled model keeps as they were given; the line is looked for in the
same file. More than one candidate is no answer.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator
from typing import Any

import tensorflow as tf

from gradlab.doctor.recording.alive import instances, kinds_of
from gradlab.doctor.recording.frames import Place
from gradlab.doctor.recording.recorded_run import Run
from gradlab.doctor.recording.sources import unwrap
from gradlab.doctor.source_code import syntax

KEYWORD = "loss_weights"


def zero_weights(run: Run, seed: int) -> Any:
    """The loss weights, as they were given, of the compiled model that has the variable of this key and a weight of zero
    among them; None if there is no such model, or if two were given different ones."""
    found: list[Any] = []
    bases = [getattr(sys.modules.get(name), "Model", None) for name in ("keras", "tf_keras")]
    kinds = {kind for base in bases if isinstance(base, type) for kind in kinds_of(base)}
    for model in instances(kinds):
        given = _given(model)
        if given is None or all(w is None or w != 0 for w in tf.nest.flatten(given)) or given in found:
            continue
        if any(run.key(unwrap(v)) == seed for v in model.trainable_variables):
            found.append(given)
    return found[0] if len(found) == 1 else None


def _given(model: Any) -> Any:
    """What `compile` was given: Keras 3 keeps it in one object, legacy Keras in another. None: nothing, or not compiled."""
    for name in ("_compile_loss", "compiled_loss"):
        given = getattr(vars(model).get(name), "_user_loss_weights", None)
        if isinstance(given, (dict, list, tuple)):
            return dict(given) if isinstance(given, dict) else list(given)
        if isinstance(given, (int, float)):
            return float(given)
    return None


def output_of(weights: Any, path: str) -> str:
    """The name of the output whose weight is zero; of several the one that the variable's path names, "" if none is."""
    if not isinstance(weights, dict):
        return ""
    zeros = [str(name) for name, weight in weights.items() if weight == 0]
    named = zeros if len(zeros) == 1 else [name for name in zeros if name in path.split("/")]
    return named[0] if len(named) == 1 else ""


def weight_line(files: Iterable[str], weights: Any, output: str) -> Place | None:
    """The line of a file that gives a loss the weight zero: of the weight itself where the text spells it out, else of the
    argument of `compile`."""
    found = [(file, tree, node) for file in files for tree, node in _arguments(file)]
    same = [one for one in found if _value(one[2]) == weights]
    # A class may hand its own argument on to Keras' compile: a name that stands for no literal.
    chosen = same or [one for one in found if _value(one[2]) is None]
    if len(chosen) != 1:
        return None
    file, tree, node = chosen[0]
    line = _zero_in(node, output).lineno
    inside = [f for f in syntax.functions(tree) if f.lineno <= line <= (f.end_lineno or f.lineno)]
    return Place(file, line, max(inside, key=lambda f: f.lineno).name if inside else "<module>")


def _arguments(file: str) -> Iterator[tuple[ast.Module, ast.expr]]:
    """What the text of a file gives as loss weights; for a name, what was assigned to it last."""
    tree = syntax.module(file)
    for call in syntax.calls(tree) if tree is not None else ():
        if not isinstance(call.func, ast.Attribute) or call.func.attr != "compile":
            continue
        for keyword in call.keywords:
            if keyword.arg == KEYWORD and tree is not None:
                name = syntax.dotted(keyword.value)
                made = syntax.definitions(file, name, call.lineno) if name else []
                value = made[-1].value if made else None
                yield tree, value if isinstance(value, ast.expr) and _value(value) is not None else keyword.value


def _value(node: ast.expr) -> Any:
    """The weights that the text spells out, as the model keeps them; None if it does not."""
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError):
        return None
    return list(value) if isinstance(value, tuple) else value


def _zero_in(node: ast.expr, output: str) -> ast.expr:
    """The one weight of zero in a dict or list that the text spells out, that of this output first; else the whole."""
    if isinstance(node, ast.Dict):
        pairs = [(k, v) for k, v in zip(node.keys, node.values, strict=True) if k is not None and _value(v) == 0]
        keys = [k for k, _ in pairs]
        keys = [k for k in keys if isinstance(k, ast.Constant) and k.value == output] or keys
        return keys[0] if len(keys) == 1 else node
    if isinstance(node, (ast.List, ast.Tuple)):
        zeros = [v for v in node.elts if _value(v) == 0]
        return zeros[0] if len(zeros) == 1 else node
    return node
