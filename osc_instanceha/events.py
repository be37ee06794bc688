"""What a run tells while it goes on."""

from __future__ import annotations

import dataclasses

from osc_instanceha import exceptions
from osc_instanceha import model
from osc_instanceha import plan
from osc_instanceha.fencing import evidence
from osc_instanceha.fencing import result


@dataclasses.dataclass(frozen=True)
class Planned:
    """The host's servers are known and decided upon."""

    plan: plan.Plan


@dataclasses.dataclass(frozen=True)
class Listening:
    """The host's record changed lately: its silence is waited for."""

    host: str
    seconds: float


@dataclasses.dataclass(frozen=True)
class Marked:
    """The host was forced down and disabled in Nova by this run."""

    host: str
    reason: str


@dataclasses.dataclass(frozen=True)
class PowerSeen:
    """A fencing device was asked, and this is what was seen."""

    host: str
    evidence: evidence.Evidence


@dataclasses.dataclass(frozen=True)
class Waiting:
    """Something is waited for that may take a while."""

    host: str
    what: str


@dataclasses.dataclass(frozen=True)
class HostEnded:
    """The outcome of a host that was to be fenced or unfenced."""

    result: result.HostResult


@dataclasses.dataclass(frozen=True)
class HostRefused:
    """No (further) evacuation is started from the host."""

    host: str
    error: exceptions.HostNotProvenOff


@dataclasses.dataclass(frozen=True)
class Accepted:
    """Nova has accepted the evacuation of a server."""

    server: model.Server
    request_id: str | None


@dataclasses.dataclass(frozen=True)
class Retrying:
    """A server's evacuation failed and is to be tried again."""

    server: model.Server
    reason: str


@dataclasses.dataclass(frozen=True)
class Ended:
    """The outcome of a server is known."""

    result: model.ServerResult


@dataclasses.dataclass(frozen=True)
class LeftOut:
    """A fenced host that another run works on, or that cannot be read."""

    host: str
    error: exceptions.InstanceHAError


@dataclasses.dataclass(frozen=True)
class Trouble:
    """The cloud did not answer as it should, or the lock of a host was lost.

    The run goes on; without the lock it begins nothing more there.
    """

    host: str
    error: exceptions.CloudError | exceptions.LockLost


Event = (
    Planned
    | Listening
    | Marked
    | PowerSeen
    | Waiting
    | HostEnded
    | HostRefused
    | Accepted
    | Retrying
    | Ended
    | LeftOut
    | Trouble
)
