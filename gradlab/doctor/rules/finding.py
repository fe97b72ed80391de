"""What a locator found: a cause with its places."""

from __future__ import annotations

from dataclasses import dataclass, field

from gradlab.doctor.recording.frames import Place
from gradlab.doctor.recording.trace import Op


@dataclass
class Finding:
    """A cause with its places, the op's name and a sentence of evidence."""

    cause: str
    where: list[Place] = field(default_factory=list)
    op: str = ""
    evidence: str = ""
    confidence: float = 0.5
    cut: Op | None = None
