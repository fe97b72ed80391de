"""What a panel says, as plain text and plain data: code lines, outcome, evidence, errors. The page writes all of it as
text, never as HTML, so a claim or a name can hold anything.
"""

from __future__ import annotations

import inspect
import textwrap
import traceback
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from gradlab.lab.reading import Kind, Side
from gradlab.lab.scenario import MARK, Scenario
from gradlab.lab.verdict import in_words, judge
from gradlab.runtime.exceptions import place, plain, sentence

if TYPE_CHECKING:
    from gradlab.lab.blamed_line import BlamedLine  # which imports TensorFlow; this module must not

# Lines that stay when a long function is folded, beside those with a gradient: where the tape is and what it is asked.
_KEPT = ("def ", "with ", "gradient(", "jacobian(", "stop_recording", "watch(")


def code_lines(scenario: Scenario) -> list[dict[str, Any]]:
    """The lines of `run` with their numbers in the file: {number, text, mark, keep}. Empty where there is no source."""
    try:
        lines, first = inspect.getsourcelines(scenario.run)
    except (OSError, TypeError):  # made by exec or in C: a panel without code is still a panel
        return []
    found = []
    for i, line in enumerate(textwrap.dedent("".join(lines)).splitlines()):
        text = line.replace(MARK, "").rstrip() if MARK in line else line
        found.append(
            {"number": first + i, "text": text, "mark": MARK in line, "keep": any(word in line for word in _KEPT)}
        )
    return found


def setup_code(scenario: Scenario) -> str:
    """The code of `setup`; "" where there is none to be had."""
    try:
        return inspect.getsource(scenario.setup)
    except (OSError, TypeError):
        return ""


def groups(side: Side) -> list[dict[str, Any]]:
    """The outcome of one position: the sources that came out alike, together, in the order of the sources."""
    found: dict[Kind, list[str]] = {}
    for name, kind in side.kinds.items():
        found.setdefault(kind, []).append(name)
    return [{"kind": kind.value, "names": names} for kind, names in found.items()]


def evidence(
    scenario: Scenario,
    sides: tuple[Side, Side],
    keras: int,
    cut: str = "",
    zero: str = "",
    knobs: Mapping[str, Any] = MappingProxyType({}),
) -> tuple[str, list[list[str]]]:
    """(verdict, rows of label and text): what the claim predicts, what was measured just now, and what follows.

    The verdict is "" where nothing was measured for a source that the claim speaks of. `cut` is the text of the row
    "Cut at" (see `cut_words`), `zero` that of "Zero at" (see `zero_words`); without it there is no such row. `knobs` are the positions that were measured.
    """
    predicted = scenario.predicted(keras, knobs)
    on = sides[1]
    missing = [name for name in predicted if name not in on.kinds]
    rows = [["The claim", scenario.claim]]
    verdict = ""
    if missing:
        rows.append(["Verdict", f"none: nothing was measured for {', '.join(missing)}"])
    else:
        verdict = judge(predicted, on)
        rows += [
            [f"It predicts, for “{scenario.switch[1]}”", in_words(predicted)],
            ["Measured just now", in_words({name: on.kinds[name] for name in predicted})],
            ["Verdict", f"{verdict} (Keras {keras})"],
        ]
    if cut:
        rows.append(["Cut at", cut])
    if zero:
        rows.append(["Zero at", zero])
    if on.watched is not None:
        rows.append(["Watched by the tape", ", ".join(on.watched) or "nothing"])
        listed = [r.name for r in on.readings if r.kind not in (Kind.MISSING, Kind.RAISES)]
        rows.append(["In the list of variables", ", ".join(listed) or "nothing: the list is empty"])
    return verdict, rows


def broken(side: Side) -> dict[str, Kind]:
    """The sources that can have a line that cuts them: not those with a gradient, nor those not in the list."""
    return {name: kind for name, kind in side.kinds.items() if kind not in (Kind.OK, Kind.MISSING)}


def cut_words(side: Side, cuts: Mapping[str, BlamedLine], missing: Mapping[str, str]) -> str:
    """The lines that cut the gradient, the sources of each beside it.

    A wrong gradient without such a line is said to be what it is of the right one, from `missing`; another source
    without a line is said to have none. A zero that is right is cut by nothing: see `zero_words`.
    """
    by_cut: dict[BlamedLine, list[str]] = {}
    for name in broken(side):
        if name in cuts and not cuts[name].right:
            by_cut.setdefault(cuts[name], []).append(name)
    left = {
        name: kind
        for name, kind in broken(side).items()
        if name not in cuts and kind is not Kind.RAISES and not _right(side, name)
    }
    alone = len(by_cut) == 1 and not left  # then the names are those of the outcome
    parts = [
        f"line {cut.number}{'' if alone else f' for {_some(names)}'}: {cut.words}" for cut, names in by_cut.items()
    ]
    parts += [f"{name}: {missing[name]}" for name in left if missing.get(name)]
    unknown = [name for name in left if not missing.get(name)]
    if unknown:
        parts.append(f"the doctor found no line for {', '.join(unknown)}")
    return "; ".join(parts)


def zero_words(side: Side, cuts: Mapping[str, BlamedLine]) -> str:
    """The lines at which a gradient is zero and finite differences do not contradict it, and why; "" for none."""
    by_line: dict[BlamedLine, list[str]] = {}
    for name in broken(side):
        if name in cuts and cuts[name].right:
            by_line.setdefault(cuts[name], []).append(name)
    return "; ".join(f"line {line.number}: {zero_here(names, line)}" for line, names in by_line.items())


def zero_here(names: list[str], line: BlamedLine) -> str:
    """The same of one line, without its number."""
    why = line.words.replace(" here", "")
    plural = len(names) > 1
    return f"the {'gradients' if plural else 'gradient'} of {_some(names)} {'are' if plural else 'is'} zero here: {why}"


def _right(side: Side, name: str) -> bool:
    return side.kinds[name] is Kind.ZERO and not side[name].contradicted


def _some(names: list[str]) -> str:
    return ", ".join(names) if len(names) < 4 else f"{names[0]} and {len(names) - 1} more"


def no_cut_words(error: BaseException) -> str:
    """The same place when the doctor failed: in words, and the panel goes on."""
    return f"the doctor could not look: {sentence(error)}"


def looking_words() -> str:
    """The same place while the doctor looks."""
    return "the doctor is looking for the line …"


def fault(heading: str, error: BaseException) -> dict[str, str]:
    """An exception as data: heading, sentence, the line it came from, and the traceback."""
    trace = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    return {"heading": heading, "sentence": sentence(error), "line": place(error), "trace": plain(trace)}
