"""What became of a host that was to be fenced or unfenced."""

from __future__ import annotations

from collections.abc import Sequence
import dataclasses
import enum

from osc_instanceha.fencing import driver
from osc_instanceha.fencing import evidence as evidence_


class HostOutcome(enum.Enum):
    """What became of a host that was to be fenced or unfenced."""

    #: Seen off, and marked in Nova.
    FENCED = 'fenced'
    #: Seen off, but Nova has not taken the mark.
    NOT_MARKED = 'off, not marked'
    #: A dry run: its devices answer, so that it can be fenced.
    FENCEABLE = 'can be fenced'
    #: Back in service, as far as it was before it was fenced.
    UNFENCED = 'unfenced'
    #: A safety check said no; nothing was done to it.
    REFUSED = 'refused'
    FAILED = 'failed'


@dataclasses.dataclass(frozen=True)
class HostResult:
    """One host of a command (one row of its report).

    :ivar evidence: everything that was seen of its devices, in this order
    :ivar decisive: the part of it that settles the outcome
    :ivar state: whether the host is up or down, as Nova said it at the start
    :ivar enabled: whether its nova-compute is enabled now
    :ivar forced_down: whether it is forced down now
    :ivar disabled_reason: why it is disabled now
    :ivar reason: why, for everything but a plain success
    :ivar cure: what to do next
    :ivar seconds: how long all of it took
    """

    host: str
    outcome: HostOutcome
    reason: str = ''
    cure: str = ''
    evidence: tuple[evidence_.Evidence, ...] = ()
    decisive: tuple[evidence_.Evidence, ...] = ()
    state: str | None = None
    enabled: bool | None = None
    forced_down: bool | None = None
    disabled_reason: str | None = None
    seconds: float = 0.0

    @property
    def explanation(self) -> str:
        """Reason and cure, in one line."""
        return f'{self.reason}. {self.cure}' if self.cure else self.reason

    @property
    def power_state(self) -> driver.PowerState:
        """What the deciding devices agree on."""
        return agreed(self.decisive)


def agreed(items: Sequence[evidence_.Evidence]) -> driver.PowerState:
    """The power state of all of these; UNKNOWN where they differ."""
    if items and all(item.off for item in items):
        return driver.PowerState.OFF
    if items and all(item.on for item in items):
        return driver.PowerState.ON
    return driver.PowerState.UNKNOWN
