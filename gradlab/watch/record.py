"""What was seen of a training, in bounded memory: a `Record` of columns, one for a step or for several.

At most `keep` columns are held. When they are full, every second is dropped and from then on only every second step
is kept, and so on: a training of any length needs the same memory. Columns that an alarm names stay.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gradlab.watch.alarm import Alarm
from gradlab.watch.columns import UNSEEN, Column

LEAST = 16  # fewer columns would not show a course


@dataclass
class Record:
    """The course of a training.

    Attributes
    ----------
    names
        One distinct path for each variable, in the order of `model.trainable_variables`; what an optimizer got beside
        those comes after.
    columns
        A `Column` for each step that is kept, oldest first.
    alarms
        What the rules said, oldest first.
    """

    keep: int = 1000
    names: list[str] = field(default_factory=list)
    columns: list[Column] = field(default_factory=list)
    alarms: list[Alarm] = field(default_factory=list)
    steps: int = 0  # taken so far
    loss_word: str = ""  # where the loss was read: "of the step", or as Keras logs it
    stride: int = 1  # one column in so many measured steps is kept
    _measured: int = 0

    def __post_init__(self) -> None:
        if self.keep < LEAST:
            raise ValueError(f"keep is {self.keep!r}; expected a number of columns, {LEAST} or more")

    def add(self, column: Column, pinned: bool = False) -> None:
        """Take in one measured step. `pinned`: an alarm names it, so it is kept whatever the stride."""
        if self.due or pinned:
            column.stands_for = self.stride
            self.columns.append(column)
        self.skip(column.step)
        if len(self.columns) > self.keep:
            self._thin()

    @property
    def due(self) -> bool:
        """Whether the next measured step is one that is kept."""
        return self._measured % self.stride == 0

    def skip(self, step: int) -> None:
        """One measured step that is not kept."""
        self.steps = step
        self._measured += 1

    def _thin(self) -> None:
        named = {alarm.step for alarm in self.alarms}
        kept = [c for n, c in enumerate(self.columns[:-1]) if n % 2 == 0 or c.step in named]
        if len(kept) > self.keep * 3 // 4:  # nearly all are named: then the oldest of these go too
            kept = kept[::2]
        self.columns = [*kept, self.columns[-1]]
        self.stride *= 2

    def matrix(self, what: str = "norm") -> np.ndarray:
        """`what` of all variables at all kept steps, float32 of shape (variables, columns).

        `what` is "norm", "applied", "update", "weight" or "ratio" (update / weight). For the codes see `columns`.
        """
        out = np.full((len(self.names), len(self.columns)), np.nan if what == "ratio" else UNSEEN, np.float32)
        for n, column in enumerate(self.columns):
            values = getattr(column, what)
            out[: len(values), n] = values
        return out

    @property
    def losses(self) -> np.ndarray:
        """The loss at each kept step, float64; NaN where the step showed none."""
        return np.array([c.loss for c in self.columns], float)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON: what has no number is a word ("none", "unseen", "nan", "inf")."""
        words = {
            what: {n: [_plain(v) for v in row] for n, row in zip(self.names, self.matrix(what), strict=True)}
            for what in ("norm", "applied", "update", "weight", "ratio")
        }
        return {
            "names": list(self.names),
            "step": [c.step for c in self.columns],
            "loss": [_plain(v) for v in self.losses],
            "overflow": [c.overflow for c in self.columns],
            **words,
            "alarms": [a.to_dict() for a in self.alarms],
            "steps": self.steps,
        }

    def to_pandas(self) -> Any:
        """A DataFrame with one row for each variable and kept step. ModuleNotFoundError where pandas is not."""
        import pandas

        table = {what: self.matrix(what).T.ravel() for what in ("norm", "applied", "update", "weight", "ratio")}
        steps = np.repeat([c.step for c in self.columns], len(self.names))
        kinds = [c.kind(i) for c in self.columns for i in range(len(self.names))]
        frame = pandas.DataFrame(
            {"step": steps, "variable": list(self.names) * len(self.columns), "kind": kinds, **table}
        )
        numbers = ["norm", "applied", "update", "weight"]
        frame[numbers] = frame[numbers].mask(frame[numbers] < 0)
        frame["loss"] = np.repeat(self.losses, len(self.names))
        return frame


def _plain(value: float) -> Any:
    if value == -1:
        return "none"
    if value == UNSEEN:
        return "unseen"
    return float(value) if np.isfinite(value) else "nan" if np.isnan(value) else "inf" if value > 0 else "-inf"
