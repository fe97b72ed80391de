"""The status of a gradient that a tape gave."""

from __future__ import annotations

from typing import Any

from gradlab.doctor.recording import recorded_run
from gradlab.doctor.recording.recorded_run import added_up, kind_of
from gradlab.lab.reading import Kind

_KINDS = {"none": Kind.NONE, "zero": Kind.ZERO, "nan": Kind.NOT_FINITE, "inf": Kind.NOT_FINITE, "ok": Kind.OK}


def status_of(gradient: Any) -> Kind:
    """None, zero, not finite, or ok."""
    return _KINDS[kind_of(added_up(gradient))]


def norm_of(gradient: Any) -> float | None:
    """The Euclidean norm of a gradient, None if there is none."""
    return None if gradient is None else recorded_run.norm_of(gradient)
