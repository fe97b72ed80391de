"""Both Keras versions put together, and what differs between two tables. No TensorFlow: only JSON goes in and out.

- `build`: {3: measured, 2: measured} -> the table.
- `differences`: a committed table against one made now, in sentences.
- `unmeasured`: the claims that no scenario carries, which therefore have no verdict.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from gradlab.claims.sources import CLAIMS
from gradlab.lab.verdict import HALF_TRUE

KERAS = ("3", "2")  # JSON has string keys only
_WORDS = ("title", "claims", "claim", "switch")


def build(measured: Mapping[int, Mapping[str, Any]]) -> dict[str, Any]:
    """The table: versions, claims with their verdicts, scenarios with what each Keras version measured."""
    three = measured[3]["scenarios"]
    scenarios = {
        name: {
            **{key: three[name][key] for key in _WORDS},
            **{k: _without_words(measured[int(k)]["scenarios"][name]) for k in KERAS},
        }
        for name in three
    }
    claims = [_claim(id_, scenarios) for id_ in CLAIMS]
    versions = {k: measured[int(k)]["versions"] for k in KERAS}
    return {"made by": "gradlab claims", "versions": versions, "claims": claims, "scenarios": scenarios}


def unmeasured(table: Mapping[str, Any]) -> dict[str, str]:
    """{id: why it has no verdict}."""
    return {
        c["id"]: f"there is no scenario {', '.join(c['decided by'])}" if c["decided by"] else "no scenario carries it"
        for c in table["claims"]
        if not c["verdict"]
    }


def differences(committed: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Every difference as a sentence: verdicts, kinds, shapes and kinds of error strictly, numbers to two digits.

    Versions, notes and the wording of errors may differ.
    """
    found = []
    old, new = committed["scenarios"], now["scenarios"]
    found += [f"scenario {name} is in the committed table and not in this run" for name in old if name not in new]
    found += [f"scenario {name} is in this run and not in the committed table" for name in new if name not in old]
    verdicts = {c["id"]: c for c in now["claims"]}
    for claim in committed["claims"]:
        other = verdicts.pop(claim["id"], None)
        found += _unequal(f"claim {claim['id']}", claim, other or {}, ("claim", "source", "verdict", "scenarios"))
    found += [f"claim {id_} is in this run and not in the committed table" for id_ in verdicts]
    for name in old:
        if name in new:
            found += _unequal(f"scenario {name}", old[name], new[name], _WORDS)
            for k in KERAS:
                found += _scenario(f"scenario {name}, Keras {k}", old[name][k], new[name][k])
    return found


def close(a: Any, b: Any) -> bool:
    """Equal words, or numbers that agree within one unit of the second digit (and two that are both below 1e-7)."""
    if not all(isinstance(v, int | float) for v in (a, b)):
        return bool(a == b)
    size = max(abs(a), abs(b))
    if size < 1e-7:
        return True
    unit = 10.0 ** (math.floor(math.log10(size)) - 1)
    return bool(abs(a - b) <= unit * 1.001)


def _scenario(where: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    found = _unequal(where, old, new, ("verdict", "predicts"))
    for position in ("off", "on"):
        a, b, at = old[position], new[position], f"{where}, switch {position}"
        if not close(a["loss"], b["loss"]):
            found.append(f"{at}: loss was {a['loss']}, is {b['loss']}")
        if a["error"].partition(":")[0] != b["error"].partition(":")[0]:
            found.append(f"{at}: error was {a['error'] or 'none'}, is {b['error'] or 'none'}")
        for source in {**a["readings"], **b["readings"]}:
            was, is_ = a["readings"].get(source), b["readings"].get(source)
            if was is None or is_ is None:
                found.append(f"{at}: {source} is {'no longer' if is_ is None else 'newly'} measured")
                continue
            found += _unequal(f"{at}, {source}", was, is_, ("kind", "shape"))
            if not close(was["largest"], is_["largest"]):
                found.append(f"{at}, {source}: largest was {was['largest']}, is {is_['largest']}")
    return found


def _unequal(where: str, old: Mapping[str, Any], new: Mapping[str, Any], keys: tuple[str, ...]) -> list[str]:
    return [f"{where}: {k} was {old.get(k)!r}, is {new.get(k)!r}" for k in keys if old.get(k) != new.get(k)]


def _claim(id_: str, scenarios: Mapping[str, Any]) -> dict[str, Any]:
    claim = CLAIMS[id_]
    carriers = [name for name, s in scenarios.items() if id_ in s["claims"]]
    decide = claim.decided_by or tuple(carriers)
    known = bool(decide) and all(name in carriers for name in decide)
    verdict = {k: _together([scenarios[name][k]["verdict"] for name in decide]) for k in KERAS} if known else {}
    return {
        "id": id_,
        "theme": claim.theme,
        "claim": claim.text,
        "source": claim.source,
        "verdict": verdict,
        "decided by": list(decide),
        "scenarios": carriers,
    }


def _together(verdicts: list[str]) -> str:
    return verdicts[0] if len(set(verdicts)) == 1 else HALF_TRUE


def _without_words(scenario: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in scenario.items() if key not in _WORDS}
