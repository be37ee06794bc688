"""What was measured, and whether it is good enough."""

from __future__ import annotations

from collections.abc import Sequence
import dataclasses
import enum
import statistics

median = statistics.median


class Verdict(enum.Enum):
    MET = 'PASS'
    MISSED = 'FAIL'
    #: There is no limit.
    NONE = ''


@dataclasses.dataclass(frozen=True)
class Figure:
    """Times of one thing that was done, once or several times.

    :ivar part: of the benchmark
    :ivar driver: of the fencing device
    :ivar what: was done, and from when to when it was timed
    :ivar runs: seconds of each run, in their order
    :ivar note: what became of it
    """

    part: str
    driver: str
    what: str
    runs: Sequence[float]
    note: str = ''

    @property
    def seconds(self) -> float:
        """The median."""
        return median(self.runs)


@dataclasses.dataclass(frozen=True)
class Target:
    """A value and the most that it may be.

    :ivar limit: None for one that is only told
    :ivar unit: ``times``, or ``s``
    """

    part: str
    driver: str
    what: str
    value: float
    limit: float | None
    unit: str

    @property
    def verdict(self) -> Verdict:
        if self.limit is None:
            return Verdict.NONE
        return Verdict.MET if self.value <= self.limit else Verdict.MISSED


@dataclasses.dataclass(frozen=True)
class Findings:
    """What one part has found.

    :ivar skipped: what could not be measured, and why
    """

    figures: Sequence[Figure] = ()
    targets: Sequence[Target] = ()
    skipped: Sequence[str] = ()

    def __add__(self, other: Findings) -> Findings:
        return Findings(
            (*self.figures, *other.figures),
            (*self.targets, *other.targets),
            (*self.skipped, *other.skipped),
        )
