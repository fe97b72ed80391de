"""The value only decides what runs: how often a loop goes round, or which branch is taken."""

from __future__ import annotations

from gradlab.doctor.analysis import exits
from gradlab.doctor.certainty import Proof
from gradlab.doctor.recording.frames import places
from gradlab.doctor.rules import NO_PATH, Case, Cause, Finding, rule
from gradlab.doctor.rules.detached_op import COMPARISON
from gradlab.doctor.rules.left_tensorflow import way_out

LOOP = Cause(
    "loop-condition",
    what="it only decides how often a loop runs",
    fix="a number of iterations has no derivative: make the quantity enter the computed values",
    steps=True,
)


@rule(NO_PATH, rank=20, cause=LOOP)
def steers_as_a_rerun_shows(case: Case) -> Finding | None:
    """The value went into a condition, and with the source moved other ops run or the loss changes."""
    out = case.once(way_out)
    if not out.rerun or not out.control or not (out.diverged or out.change):
        return None
    return _steers(case, out.moved, (Proof.HEARD, Proof.RERUN))


@rule(NO_PATH, rank=40, cause=LOOP)
def steers(case: Case) -> Finding | None:
    """The value went into conditions and nowhere else."""
    out = case.once(way_out)
    if not out.control or (out.rerun and out.values):
        return None
    return _steers(case, "its value only went into a condition", (Proof.HEARD, Proof.FLOW))


def _steers(case: Case, evidence: str, proofs: tuple[Proof, ...]) -> Finding:
    control = case.once(way_out).control
    loops = [c for c in control if exits.control_of(c) == "loop" or exits.only_counts(c)]
    chosen = loops[0] if loops else control[-1]
    op = case.recorded.trace.producer.get(chosen.key)
    where, kind = places(chosen.stack), op.type if op is not None else chosen.kind
    # The condition of a loop stands where it is tested; a comparison that chooses a branch, where it is made.
    if op is not None and op.stack and (not loops or chosen.kind == "__bool__"):
        where = places(op.stack)
    if loops:
        return Finding(where, f"it only decides how often a loop runs; {evidence}", proofs, kind, op)
    return Finding(where, f"it only decides which branch runs; {evidence}", proofs, kind, op, COMPARISON)
