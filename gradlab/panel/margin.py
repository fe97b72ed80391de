"""The margin of a panel's code: for each line the tape's bracket, a cell for each visit, and what the line does to the path.

- `Margins`: line gradients of both positions of one scenario, in the form the page draws. What is recorded for them is
  a run like any other, so it is measured too.
- `margin_of`: the same for one set of line gradients, from its `to_dict()`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from gradlab.lab.scenario import Scenario

if TYPE_CHECKING:
    from gradlab.lab.measure import Taken
    from gradlab.lines.api import Ran

# What is said of a visit without a size. Marks and words of a source's kind are `gradlab.Kind`'s; these are a visit's.
_VISIT = {
    "zero": "exactly zero",
    "none": "None: no path from this value to the loss",
    "outside": "made while the tape did not record",
    "unused": "no op uses this value",
    "nan": "NaN",
    "inf": "infinite",
    "ran": "it ran; nothing was asked",
    "": "no value with a gradient",
}
_NOT_FINITE = ("nan", "inf")


class Margins:
    """The margins of one scenario on one device, at the knobs of the last `look`."""

    def __init__(self, scenario: Scenario, device: str) -> None:
        self._scenario, self._device = scenario, device
        self._found: list[dict[int, dict[str, Any]]] = [{}, {}]
        self.failed = ""  # why there is no margin, in words
        self.knobs: dict[str, Any] | None = None  # those of the last look
        self.texts: dict[int, str] = {}  # of every line with a margin, also outside of `run`
        self._at: dict[str, Any] = {}  # the knobs of the last `record`
        self._ran: list[Ran] | Exception | None = None

    def record(self, knobs: Mapping[str, Any]) -> None:
        """Run both positions at these knobs, recorded. An error of the recording is one of the next `look`."""
        self._at = dict(knobs)
        try:
            self._ran = _by_itself(self._both)
        except Exception as error:
            self._ran = error

    def _both(self) -> list[Ran]:
        """Both positions, recorded. A scenario of gradlab's own is set up once for both, where the run with the switch off leaves
        all as it was: `tests/test_shared_runs.py` holds each against set-ups of its own. Anybody else's may keep a state in Python."""
        from gradlab.lines.api import scenario_ran

        off = scenario_ran(self._scenario, False, self._device, self._at)
        shared = self._scenario.run.__module__.startswith("gradlab.scenarios.") and off.untouched
        return [off, scenario_ran(self._scenario, True, self._device, self._at, off.things if shared else None)]

    def take(self, scenario: Scenario, bug: bool, knobs: Mapping[str, Any]) -> Taken | None:
        """The run that was recorded, for `gradlab.lab.measure.both`; None where it may differ from one that is not recorded."""
        return self._ran[bug].taken() if isinstance(self._ran, list) else None

    def look(self, strict: bool) -> None:
        """Make the margins of what was recorded. An error of the recording is kept in words; with `strict` it is raised."""
        from gradlab.runtime.exceptions import sentence

        ran, self._ran, self.knobs, self.failed = self._ran, None, self._at, ""
        try:
            if isinstance(ran, Exception):
                raise ran
            self._found = _by_itself(lambda: self._margins(ran or []))
        except Exception as error:  # the heatmaps are right all the same, and the panel says what is missing
            self._found, self.failed = [{}, {}], f"no gradients beside the code: {sentence(error)}"
            if strict:
                raise

    def _margins(self, ran: list[Ran]) -> list[dict[int, dict[str, Any]]]:
        found = [one.lines().to_dict() for one in ran]
        own = self._scenario.run.__code__.co_filename
        for one in found:
            if one["files"] and one["files"][one["file"]] != own:
                one["lines"] = []  # it broke before a line of `run` was reached
            self.texts |= {line["number"]: line["text"] for line in one["lines"] if line["file"] == one["file"]}
        return [margin_of(one) for one in found]

    def elsewhere(self, shown: set[int]) -> list[dict[str, Any]]:
        """Lines of the same file, outside of those shown, at which something happens at either position."""
        found = {
            number
            for margin in self._found
            for number, here in margin.items()
            if number not in shown and (here["cells"] or here["missing"] or here["raised"])
        }
        return [{"number": n, "text": self.texts[n].strip(), "mark": False, "keep": True} for n in sorted(found)]

    def of(self, bug: bool, cuts: Mapping[int, str], zeros: Mapping[int, str] | None = None) -> dict[str, Any]:
        """{line number: margin} of one position; `cuts` are lines that cut a source, with the cause in words, `zeros`
        those at which a gradient is zero and right."""
        lines = {number: dict(margin) for number, margin in self._found[bug].items()}
        for number, words in cuts.items():
            lines.setdefault(number, _empty())["cut"] = words
        for number, words in (zeros or {}).items():
            lines.setdefault(number, _empty())["zero"] = words
        return {str(number): margin for number, margin in lines.items()}


def _by_itself(call: Callable[[], Any]) -> Any:
    """In a thread of its own: what is recorded belongs to a thread, and a tape of the learner's may be open here."""
    with ThreadPoolExecutor(1, "gradlab-records-the-margin") as pool:
        return pool.submit(call).result()


def margin_of(found: Mapping[str, Any]) -> dict[int, dict[str, Any]]:
    """{line number of the main file: margin} from `LineGradients.to_dict()`."""
    margins = {}
    passed = _passed(found)
    for line in found["lines"]:
        if line["file"] != found["file"]:
            continue
        margins[line["number"]] = {
            **_empty(),
            "bracket": "" if line["bracket"] == "out" else line["bracket"],
            "cells": _cells(line, found.get("ask", 0)),
            "reads": [
                {
                    "name": r["source"],
                    "kind": _kind(r["kind"]),
                    "words": f"this line reads {r['source']}: {_kind(r['kind'])}",
                }
                for r in line["reads"]
            ],
            "raised": line["raised"] or "",
            "passed": passed.get(line["number"], ""),
            "missing": ", ".join(line["missing"]),
            "way": list(line["way"]),
        }
    return margins


def _cells(line: Mapping[str, Any], ask: int) -> list[dict[str, Any]]:
    """One cell a visit. `more` has the same visit for every question, in order, where there are several."""
    strips = {s["ask"]: s["cells"] for s in line["strips"]}
    cells = []
    before: list[int] | None = None
    for i, visit in enumerate(line["visits"]):
        around = visit["loop"][:-1]
        asked = {**{number: {"kind": _kind(c[i][0]), "norm": c[i][1]} for number, c in strips.items()},
                 ask: {"kind": _kind(visit["kind"]), "norm": visit["norm"]}}  # fmt: skip
        cells.append(
            {
                **asked[ask],
                "words": _words(visit) + _asked([asked[number] for number in sorted(asked)]),
                "gap": before is not None and around != before,
                "more": [asked[number] for number in sorted(asked)] if len(asked) > 1 else [],
            }
        )
        before = around
    return cells


def _words(visit: Mapping[str, Any]) -> str:
    words = f"norm {visit['norm']:.2e}" if visit["kind"] == "ok" else _VISIT.get(visit["kind"], visit["kind"])
    if "to" in visit:
        words = f"visits {visit['n'] + 1} to {visit['to'] + 1}: " + words
        if visit.get("low") is not None and visit.get("high") is not None:
            words += f", from {visit['low']:.2e} to {visit['high']:.2e}"
    shapes = ", ".join("×".join(map(str, s)) or "scalar" for s in visit["shapes"])
    if shapes:
        words += f", shape {shapes}"
    if visit["loop"]:
        words += f", turn {' of '.join(str(t + 1) for t in reversed(visit['loop']))} of the loop"
    return words + (", made by Python or NumPy" if visit["host"] else "")


def _asked(questions: list[dict[str, Any]]) -> str:
    """How many of several questions of one tape bring a gradient to this visit."""
    if len(questions) < 2:
        return ""
    sizes = [q["norm"] for q in questions if q["kind"] == "ok"]
    reached = f", at most {max(sizes):.2e}" if sizes else ""
    return f"; the tape is asked {len(questions)} times, {len(sizes)} of them reach this visit{reached}"


def _passed(found: Mapping[str, Any]) -> dict[int, str]:
    """{line: where the value goes that it made outside the tape or in Python}."""
    said = {}
    for arrow in found["arrows"]:
        start, end = arrow["from"], arrow["to"]
        why = "made outside the tape" if arrow["why"] == "outside" else "made by Python or NumPy"
        if start["file"] == found["file"]:
            said[start["line"]] = f"to line {end['line']}: {why}"
    return said


def _kind(kind: str) -> str:
    return "not finite" if kind in _NOT_FINITE else kind


def _empty() -> dict[str, Any]:
    texts = dict.fromkeys(("bracket", "raised", "passed", "cut", "zero", "missing"), "")
    return {**texts, "cells": [], "reads": [], "way": []}
