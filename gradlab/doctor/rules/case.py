"""A `Case`: everything that is known about one source, whichever way in it came."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from gradlab.doctor.analysis import cuts
from gradlab.doctor.analysis.cuts import Cut
from gradlab.doctor.analysis.dataflow import Flow, flow
from gradlab.doctor.op_types import is_write
from gradlab.doctor.recording.frames import Place, places
from gradlab.doctor.recording.recorded_run import Run
from gradlab.doctor.recording.sources import Source
from gradlab.doctor.recording.tape_calls import Call
from gradlab.doctor.recording.trace import Op
from gradlab.doctor.source_code.scope import UserScope
from gradlab.lab.reading import Kind

if TYPE_CHECKING:
    from gradlab.doctor.analysis.finite_differences import Slope
    from gradlab.doctor.analysis.gradient_check import GradientCheck
    from gradlab.doctor.rules.variable_list import VariableList

T = TypeVar("T")
# Characters of an exception's first line that are shown: TensorFlow's can hold a whole tensor.
MAX_MESSAGE = 300


@dataclass(eq=False)
class Case:
    """One source with its status and all evidence about it. Evidence that a way in does not have is None.

    A new way in builds cases and calls `diagnose`; it decides nothing itself.
    """

    name: str
    status: Kind
    scope: UserScope
    source: Source | None = None  # None where what was asked for is no tensor, or nothing
    given: Any = None  # what was asked for
    run: Run | None = None  # the recorded run; None if the function raised before there was one
    watched: bool = False  # a tape was told to watch the source, or watches it by itself
    norm: float | None = None  # of the gradient that the user's own tape gave
    call: Call | None = None  # a recorded gradient call, with the record of its tape
    shift: int = 0  # the op number at which the tape's recording starts in the trace
    step: int = 1  # the number of this call among those of its line in a training
    check: GradientCheck | None = None  # can run the user's function again
    slope: Slope | None = None  # the finite difference that contradicts the gradient, if its numbers are known
    gradient: Any = None
    error: BaseException | None = None  # what the gradient call raised
    raised_at: list[Place] = field(default_factory=list)
    listing: VariableList | None = None  # where the list of variables came from
    variable: Any = None  # the variable that the list lacks
    given_flow: Flow | None = None
    given_cut: Cut | None = None
    remarks: list[str] = field(default_factory=list)  # what a rule could not do, for the evidence
    _known: dict[Any, Any] = field(default_factory=dict)

    def but(self, **changes: Any) -> Case:
        """The same case with some things changed; what was derived from them is derived anew."""
        return replace(self, **{"_known": {}, **changes})

    def once(self, evidence: Callable[[Case], T]) -> T:
        """`evidence(self)`, worked out at the first call: several rules may ask for the same."""
        if evidence not in self._known:
            self._known[evidence] = evidence(self)
        found: T = self._known[evidence]
        return found

    # --- what a rule may ask of a case that has a run and a source ---------------------------------------------------

    @property
    def recorded(self) -> Run:
        """The recorded run. Rules for a status that a run is needed for may take it for granted."""
        assert self.run is not None
        return self.run

    @property
    def asked(self) -> Source:
        """The source, taken for granted as `recorded` is."""
        assert self.source is not None
        return self.source

    @property
    def error_message(self) -> str:
        """The type of the exception and the first line of its text; empty if nothing was raised."""
        lines = str(self.error).splitlines()
        return f"{type(self.error).__name__}: {lines[0][:MAX_MESSAGE] if lines else ''}" if self.error else ""

    @cached_property
    def seed(self) -> int:
        """The key of the source in the trace."""
        return self.recorded.seed(self.asked)

    @cached_property
    def flow(self) -> Flow:
        """Which ops depend on the source, and which of them the loss needs."""
        return self.given_flow or flow(self.recorded, self.asked)

    @cached_property
    def alive(self) -> bool:
        """Does the record have a gradient for the source itself, though the user's tape gave none?"""
        return self.recorded.gradients.get(self.seed) is not None

    @cached_property
    def cuts(self) -> list[Cut]:
        """Every op on the way to the loss at which the gradient stops, nearest the loss first."""
        if self.given_cut is not None:
            return [self.given_cut]
        return [c for c in cuts.cuts(self.recorded, self.flow) if not is_write(c.op.type) or c.how == "state"]

    @cached_property
    def cut(self) -> Cut:
        """The one of `cuts` to blame. Rules of the question `CUT` may take it for granted."""
        return cuts.separating_cut(self.recorded, self.cuts, self.seed)

    @cached_property
    def first_use(self) -> Op | None:
        """The first op in the user's code that used the source."""
        return next((op for op in self.recorded.trace.ops if op.index in self.flow.carriers and op.stack), None)

    @cached_property
    def last_use(self) -> Op | None:
        """The last op in the user's code that used the source, if only its shape; of those that the tape recorded, if it
        recorded one."""
        ops = [op for op in reversed(self.recorded.trace.ops) if op.stack]
        if self.call is not None:
            ops.sort(key=lambda op: self.call is not None and self.call.tape.token not in op.tapes)
        for op in ops:
            if op.index in self.flow.carriers:
                return op
        return next((op for op in ops if any(k in self.flow.tainted for k in op.ins)), None)


def place_of(op: Op | None) -> list[Place]:
    """The user's lines around an op, innermost first."""
    return places(op.stack) if op is not None else []
