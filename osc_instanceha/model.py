"""What is known of hosts, servers and evacuations, as plain data.

Nothing here does I/O. Names are Nova's; where Nova has a number or a string
with a meaning, an enum says the meaning.
"""

from __future__ import annotations

from collections.abc import Mapping
import dataclasses
import datetime
import enum


class Data(enum.Enum):
    """What an evacuation does to the data on a server's disks."""

    #: On volumes, or on storage that was declared shared.
    KEPT = 'kept'
    #: On disks of the dead host, by declaration; it starts from its image.
    LOST = 'lost'
    #: Nobody has declared what its disks are on, and Nova does not tell.
    UNKNOWN = 'unknown'


class Action(enum.Enum):
    """What the plan wants done with a server."""

    EVACUATE = 'evacuate'
    #: An evacuation of it is open already: wait for that one, start none.
    WAIT = 'wait'
    SKIP = 'skip'
    REFUSE = 'refuse'


class Outcome(enum.Enum):
    """What became of a server."""

    EVACUATED = 'evacuated'
    #: Nova has accepted the evacuation and nobody waited for its end.
    ACCEPTED = 'accepted'
    SKIPPED = 'skipped'
    REFUSED = 'refused'
    FAILED = 'failed'
    #: Neither success nor failure is known (invariant 3).
    UNKNOWN = 'unknown'


class EndState(enum.Enum):
    """The power state that a server is to have after its evacuation."""

    ACTIVE = 'active'
    STOPPED = 'stopped'


class MigrationStatus(enum.Enum):
    """The life of an evacuation, see nova.objects.Migration."""

    ACCEPTED = 'accepted'
    PRE_MIGRATING = 'pre-migrating'
    DONE = 'done'
    COMPLETED = 'completed'
    ERROR = 'error'
    FAILED = 'failed'
    #: A status that no evacuation is known to have; it counts as open.
    OTHER = 'other'

    @property
    def open(self) -> bool:
        """Whether Nova may still be working on it."""
        return not self.succeeded and not self.failed

    @property
    def succeeded(self) -> bool:
        return self in (MigrationStatus.DONE, MigrationStatus.COMPLETED)

    @property
    def failed(self) -> bool:
        return self in (MigrationStatus.ERROR, MigrationStatus.FAILED)


@dataclasses.dataclass(frozen=True)
class Service:
    """One nova-compute service.

    :ivar up: None where Nova does not say, as for a cell that is down
    :ivar quiet_for: seconds since its record last changed, by the clock of
        the API that answered; None where that clock is not known
    """

    id: str
    host: str
    up: bool | None
    enabled: bool | None
    forced_down: bool | None
    disabled_reason: str | None = None
    updated_at: datetime.datetime | None = None
    quiet_for: float | None = None

    @property
    def complete(self) -> bool:
        """False for the stub that a cell which is down leaves behind."""
        return self.up is not None and self.forced_down is not None


@dataclasses.dataclass(frozen=True)
class Flavor:
    """A server's own copy of its flavor, taken when it was created.

    :ivar ephemeral: GB of local ephemeral disk
    :ivar extra_specs: None where policy hides them
    """

    name: str
    ephemeral: int
    extra_specs: Mapping[str, str] | None


@dataclasses.dataclass(frozen=True)
class Fault:
    """Why a server is in ERROR, in Nova's words."""

    message: str
    created: datetime.datetime | None


@dataclasses.dataclass(frozen=True)
class Server:
    """A server as ``GET /servers/detail`` shows it.

    :ivar image_id: None for a volume-backed server
    :ivar image_properties: what Nova shows of the image's properties from
        microversion 2.98 on; None where it shows none
    :ivar volume_ids: attached volumes, the root volume among them; may be
        empty when Nova could not read them
    :ivar launched_at: when its guest was last spawned, anywhere; None if
        never
    """

    id: str
    name: str
    host: str
    project_id: str
    status: str
    vm_state: str
    task_state: str | None
    power_state: int
    launched_at: datetime.datetime | None
    created: str
    flavor: Flavor
    image_id: str | None
    tags: frozenset[str] | None = None
    metadata: Mapping[str, str] = dataclasses.field(default_factory=dict)
    image_properties: Mapping[str, str] | None = None
    volume_ids: tuple[str, ...] = ()
    root_device: str | None = None
    hypervisor: str | None = None
    fault: Fault | None = None

    @property
    def launched(self) -> bool:
        return self.launched_at is not None

    @property
    def volume_backed(self) -> bool:
        # A server made from an image *and* a root volume shows its image
        # and so counts as image-backed: the safe side.
        return self.image_id is None


@dataclasses.dataclass(frozen=True)
class Evacuation:
    """One record of ``GET /os-migrations`` of the type ``evacuation``."""

    id: str
    server_id: str
    status: MigrationStatus
    source: str
    destination: str | None
    created: datetime.datetime


@dataclasses.dataclass(frozen=True)
class ServerGroup:
    id: str
    name: str
    policy: str
    members: frozenset[str]


@dataclasses.dataclass(frozen=True)
class Aggregate:
    """:ivar shared_storage: its ``instanceha:shared_storage``, if set."""

    name: str
    hosts: frozenset[str]
    shared_storage: bool | None


@dataclasses.dataclass(frozen=True)
class ImageFacts:
    """Properties of the image a server was booted from.

    :ivar properties: None where they could not be read
    :ivar problem: why not
    """

    properties: Mapping[str, str] | None
    problem: str = ''


@dataclasses.dataclass(frozen=True)
class Inventory:
    """All that Nova said of one host, read in one go and known whole.

    :ivar evacuations: every evacuation ever begun from the host
    :ivar hypervisor_types: of the hypervisors that the servers ran on
    """

    host: str
    servers: tuple[Server, ...]
    evacuations: tuple[Evacuation, ...] = ()
    groups: tuple[ServerGroup, ...] = ()
    aggregates: tuple[Aggregate, ...] = ()
    hypervisor_types: Mapping[str, str] = dataclasses.field(
        default_factory=dict
    )
    images: Mapping[str, ImageFacts] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class ServerResult:
    """What became of one server of a host (one row of the report).

    :ivar status: the server's status before
    :ivar destination: the host it is on now, if it moved
    :ivar reason: why, for everything but a plain success
    :ivar request_id: Nova's, of the last evacuate request
    :ivar attempts: how many evacuate requests this run sent
    """

    server_id: str
    name: str
    host: str
    project_id: str
    status: str
    data: Data
    outcome: Outcome
    destination: str | None = None
    reason: str = ''
    request_id: str | None = None
    attempts: int = 0
