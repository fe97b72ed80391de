"""Which line of a scenario's own code cuts the gradient: asked of the doctor, held against what was measured.

- `cuts`: for a scenario and its knobs, {source: `BlamedLine`} with the switch on.
- `find`: the same where the switched side has been measured already.

The scenario's code runs once more, with the tape that stands in it, and is recorded: the doctor then knows when that tape
opened and what it was asked, and is told which gradients the measurement contradicts. A line is taken only where the
doctor's status is the measured kind, and where it says more than that the cause is possible.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from gradlab.doctor import Diagnosis, Report
from gradlab.doctor.certainty import Certainty
from gradlab.doctor.frontends.call import recorded_tapes
from gradlab.doctor.frontends.progress import quietly
from gradlab.doctor.frontends.recorded import explain_last
from gradlab.doctor.recording import session
from gradlab.doctor.rules import causes
from gradlab.lab.measure import as_scenario, compare
from gradlab.lab.reading import Kind, Side
from gradlab.lab.scenario import Scenario
from gradlab.runtime import tf_loading
from gradlab.runtime.devices import check_device
from gradlab.runtime.generators import generators_kept

# What the doctor says of a recurrent kernel in its evidence: it knows no cause of its own for a state of zeros.
STATE = "the state that it multiplies"
# A source that is missing from the list has no line that cuts it: there is nothing to follow.
CUT = (Kind.NONE, Kind.ZERO, Kind.NOT_FINITE, Kind.WRONG, Kind.RAISES)


@dataclass(frozen=True)
class BlamedLine:
    """A line of a scenario that cuts a gradient: its text, its number in the file, the doctor's label of the cause, the
    cause and what to do in words, and whether there is no gradient by design. `right` says that the gradient is zero there
    and that finite differences do not contradict it: such a line cuts nothing."""

    line: str
    number: int
    cause: str
    words: str
    fix: str
    by_design: bool = False
    right: bool = False


def cuts(scenario: str | Scenario, device: str | None = None, **knobs: Any) -> dict[str, BlamedLine]:
    """{source: `BlamedLine`} with the switch on, for the sources whose cut the doctor finds in the scenario's own file.

    Measures first, as `compare` does, with the same arguments and errors. Takes a second or so.
    """
    scenario = as_scenario(scenario)
    return find(scenario, compare(scenario, device, **knobs)[1], device, knobs)


def find(scenario: Scenario, side: Side, device: str | None, knobs: Mapping[str, Any]) -> dict[str, BlamedLine]:
    """As `cuts`, for a switched side measured at these knobs. Raises what the doctor raises.

    Random generators are put back: a look that nobody asked for must not change the next numbers.
    """
    wanted = {name: kind for name, kind in side.kinds.items() if kind in CUT}
    if not wanted:
        return {}
    with tf.device(check_device(device or tf_loading.device())), quietly(), generators_kept():
        report = _look(scenario, side, scenario.setup(**knobs))
    found = {name: row for name, row in _rows(report, wanted).items() if _agrees(row, wanted[name])}
    own = scenario.run.__code__.co_filename
    zeros = {r.name for r in side.readings if r.kind is Kind.ZERO and not r.contradicted}
    return {
        name: _cut(found[name], name in zeros) for name in wanted if name in found and found[name].where[0].file == own
    }


def _look(scenario: Scenario, side: Side, things: dict[str, Any]) -> Report | None:
    """The report on the last gradient that the scenario's tape is asked for; None if its code ends before that."""
    session.forget()
    try:
        with recorded_tapes():
            try:
                scenario.run(True, **things)
            except Exception as error:
                if type(error) is not type(side.error):  # the scenario's own is what was measured
                    raise
        return explain_last([name for name, kind in side.kinds.items() if kind is Kind.WRONG])
    finally:
        session.forget()


def _rows(report: Report | None, wanted: Mapping[str, Kind]) -> dict[str, Diagnosis]:
    """The rows by the scenario's names. An exception is one row, whatever it is called, and holds for all sources."""
    if report is None:
        return {}
    rows = {row.name: row for row in report.rows if row.name in wanted}
    raised = next((row for row in report.rows if row.status is Kind.RAISES), None)
    if raised:
        rows |= {name: raised for name, kind in wanted.items() if kind is Kind.RAISES}
    return rows


def _agrees(row: Diagnosis, kind: Kind) -> bool:
    return row.status is kind and bool(row.where) and row.certainty is not Certainty.POSSIBLE


def _cut(row: Diagnosis, right: bool) -> BlamedLine:
    place, cause = row.where[0], causes().get(row.cause or "")
    words = cause.what if cause is not None else "the cause is not known"
    label = cause.label if cause is not None else "not known"
    if right and STATE in row.evidence:
        words = f"{STATE} is zero"
    words = row.message if row.by_design else words
    return BlamedLine(place.code, place.line, label, words, row.fix or "", row.by_design, right)
