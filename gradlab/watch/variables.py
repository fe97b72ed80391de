"""Variables as people know them: one key and one name for each, whichever Keras and strategy made it.

- `raw`: the tf.Variable behind a Keras 3 variable.
- `key`: the same for all replicas of a variable.
- `names`: paths without `:0`, made distinct.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import tensorflow as tf


def raw(variable: Any) -> Any:
    """The tf.Variable behind a Keras 3 variable; a tf.Variable as it is."""
    inner = getattr(variable, "value", None)
    return variable if callable(inner) or inner is None else inner


def key(variable: Any) -> Any:
    """What identifies the variable: within a replica its component leads to the whole (Keras' own rule)."""
    variable = raw(variable)
    if isinstance(variable, tf.distribute.DistributedValues):  # the whole itself; asked for its handle, it raises
        return variable._unique_id  # noqa: SLF001 (as below)
    if hasattr(variable, "_distributed_container"):
        variable = variable._distributed_container()  # noqa: SLF001 (no public way leads to the whole)
    elif hasattr(getattr(variable, "handle", None), "_distributed_container"):
        variable = variable.handle._distributed_container()  # noqa: SLF001
    return variable._unique_id  # noqa: SLF001 (what Keras itself tells variables apart by)


def name(variable: Any) -> str:
    """The path that `model.summary()` shows; a bare tf.Variable has its name only."""
    return str(getattr(variable, "path", None) or variable.name).removesuffix(":0")


def names(variables: Iterable[Any], taken: Iterable[str] = ()) -> list[str]:
    """One distinct name for each: a second `kernel` is `kernel#2`."""
    seen = set(taken)
    out = []
    for variable in variables:
        base = candidate = name(variable)
        n = 2
        while candidate in seen:
            candidate, n = f"{base}#{n}", n + 1
        seen.add(candidate)
        out.append(candidate)
    return out


def is_float(variable: Any) -> bool:
    """Whether a gradient can exist for it at all."""
    return tf.as_dtype(raw(variable).dtype).is_floating
