"""Which attributes of an object hold its parts, and which lead to other things that it knows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from gradlab.doctor.recording.sources import is_owner
from gradlab.doctor.source_code import syntax
from gradlab.doctor.source_code.scope import class_file

# Attributes of a Keras object that hold its parts; all others with an underscore are its books, which lead to the layers
# before and after it, whoever they belong to.
PARTS = frozenset({"_layers", "_operations", "_functional", "_self_tracked_trackables"})
# What a model is given by `compile` and makes by `fit`: not parts of it.
GIVEN = frozenset({"optimizer", "loss", "compiled_loss", "compiled_metrics", "train_function", "train_tf_function",
                   "test_function", "predict_function", "history", "distribute_strategy"})  # fmt: skip


def parts_of(owner: Any) -> Callable[[Any, str, Any], bool]:
    """For `way_to`: whether a step leads from an object to a part of it."""

    def follow(thing: Any, attribute: str, value: Any) -> bool:
        if hasattr(thing, "__dict__") and not isinstance(thing, (dict, list, tuple, set)):
            if attribute in GIVEN and is_owner(thing):
                return False
            if attribute.startswith("_") and attribute not in PARTS and not _written(thing, attribute):
                # Keras keeps a kernel as `_kernel`; what else has such a name may lead anywhere.
                return isinstance(value, tf.Variable) or hasattr(value, "handle")
        # An object that knows the owner stands above it: a trainer, with other networks beside.
        own = getattr(value, "__dict__", None) if not isinstance(value, (dict, list, tuple, type)) else None
        return not (isinstance(own, dict) and any(v is owner for v in list(own.values())))

    return follow


def _written(thing: Any, attribute: str) -> bool:
    """Is it an attribute that the user's own class has?"""
    file = class_file(thing)
    return bool(file and syntax.attribute_definitions(file, attribute))
