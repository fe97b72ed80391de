"""What one Keras version measures, as JSON: `python -m gradlab.claims.collect 3 FILE`, in a process of its own.

- `collect`: every scenario, both positions of its switch.
- `two_digits`: how numbers are stored.
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

from gradlab.lab.reading import Kind, Side, format_shape
from gradlab.lab.scenario import load, names
from gradlab.lab.verdict import judge
from gradlab.runtime import tf_loading


def collect(keras: int) -> dict[str, Any]:
    """Versions and scenarios as measured now. Says on standard error how far it is."""
    tf_loading.begin(keras)
    tf_loading.wait()
    found = {}
    for number, name in enumerate(names(), 1):
        found[name] = measured(name, keras)
        if number % 10 == 0 or number == len(names()):
            print(f"Keras {keras}: {number} of {len(names())} scenarios measured", file=sys.stderr, flush=True)
    return {"versions": _versions(keras), "scenarios": found}


def measured(name: str, keras: int) -> dict[str, Any]:
    """One scenario: its words, the verdict that follows from this run, and both positions."""
    from gradlab.lab.measure import compare

    scenario = load(name)
    predicts = scenario.expected(keras)[0]
    off, on = compare(scenario)
    return {
        "title": scenario.title,
        "claims": list(scenario.claims),
        "claim": scenario.claim,
        "switch": list(scenario.switch),
        "predicts": {source: kind.value for source, kind in predicts.items()},
        "verdict": judge(predicts, on),
        "off": _side(off),
        "on": _side(on),
    }


def two_digits(number: float | None) -> float | str | None:
    """Rounded to two significant digits; what JSON has no number for becomes a word."""
    if number is None or math.isfinite(number):
        return None if number is None else float(f"{number:.1e}")
    return "NaN" if math.isnan(number) else "infinite"


def _side(side: Side) -> dict[str, Any]:
    # `measure` has already put the exception into one sentence, as the note of what it left without a gradient.
    error = "" if side.error is None else next(r.note for r in side.readings if r.kind is Kind.RAISES)
    readings = {
        r.name: {"kind": r.kind.value, "largest": two_digits(r.largest), "shape": format_shape(r.shape), "note": r.note}
        for r in side.readings
    }
    return {"loss": two_digits(side.loss), "error": error, "readings": readings}


def _versions(keras: int) -> dict[str, str]:
    import tensorflow as tf

    if keras == 2:
        import tf_keras

        return {"TensorFlow": tf.__version__, "tf_keras": tf_keras.__version__}
    return {"TensorFlow": tf.__version__, "Keras": tf.keras.__version__}


if __name__ == "__main__":
    version, target = int(sys.argv[1]), Path(sys.argv[2])
    target.write_text(json.dumps(collect(version), allow_nan=False), encoding="utf-8")
