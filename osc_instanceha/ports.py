"""What a recovery needs of the world outside; adapters provide it."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
import contextlib
import dataclasses
import enum
import time
from typing import Protocol

from osc_instanceha import model


class Answer(enum.Enum):
    """What is known after an evacuate request was sent."""

    ACCEPTED = 'accepted'
    #: Nova said no: nothing has begun.
    REFUSED = 'refused'
    #: Nova said no because it takes the source host to be up.
    HOST_IN_USE = 'host in use'
    #: The request never left: it may be sent again.
    NOT_SENT = 'not sent'
    #: Nova answered that it failed; its records tell how far it came.
    ERRED = 'erred'
    #: No answer; Nova may have taken it, or may yet (invariant 3).
    UNCERTAIN = 'uncertain'


@dataclasses.dataclass(frozen=True)
class Posted:
    """The answer to an evacuate request.

    :ivar code: HTTP status, if there was one
    :ivar stops: whether Nova itself will leave the server stopped
    :ivar retry_after: seconds to wait at least before it is sent again
    """

    answer: Answer
    message: str = ''
    request_id: str | None = None
    code: int | None = None
    stops: bool = False
    retry_after: float | None = None


class Compute(Protocol):
    """Nova. Every method may raise :class:`~.exceptions.CloudError`."""

    def services(self) -> tuple[model.Service, ...]:
        """Every nova-compute service."""

    def service(self, host: str) -> model.Service | None:
        """The nova-compute service of exactly this host."""

    def mark_down(self, service: model.Service, reason: str) -> model.Service:
        """Force the service down and disable it, in one call."""

    def lift(self, service: model.Service) -> model.Service:
        """Let the service no longer be forced down.

        Nova refuses (code 400) while an evacuation from the host is not
        completed.
        """

    def enable(self, service: model.Service) -> model.Service:
        """Let the scheduler use the host again."""

    def disable(self, service: model.Service, reason: str) -> model.Service:
        """Keep the service disabled, for this reason."""

    def servers(self, host: str) -> tuple[model.Server, ...]:
        """Every server of the host, of all projects; the whole list."""

    def server(self, server_id: str) -> model.Server | None:
        """One server as it is now; None if there is none any more."""

    def evacuations(
        self, host: str, known: Collection[str] = ()
    ) -> tuple[model.Evacuation, ...]:
        """Evacuations begun from the host, newest first.

        :param known: ids of records that are over and known; the list may
            end when it has come to one of them
        """

    def groups(self) -> tuple[model.ServerGroup, ...]:
        """Every server group."""

    def aggregates(self) -> tuple[model.Aggregate, ...]:
        """Every host aggregate."""

    def hypervisor_types(
        self, hypervisors: Iterable[str]
    ) -> Mapping[str, str]:
        """The type of each hypervisor, by its name."""

    def hypervisor_host(self, hypervisor: str) -> str | None:
        """The compute host whose hypervisor has exactly this name."""

    def evacuate(
        self,
        server_id: str,
        *,
        guarded: bool,
        target_host: str | None,
        stopped: bool,
    ) -> Posted:
        """Ask for an evacuation, once; never raises for what Nova says.

        :param guarded: let the destination check that the disks are shared
        """

    def stop(self, server_id: str) -> None:
        """Ask for a server to be stopped."""

    def was_stopped(self, server_id: str) -> bool:
        """Whether the last power action of a server's owner was a stop."""

    def was_started(self, server_id: str) -> bool:
        """Whether its owner has started it since its last evacuation."""

    def failure(
        self, server: model.Server, evacuation: model.Evacuation | None
    ) -> str:
        """Why this evacuation of the server failed, in Nova's words.

        What Nova does not tell is no error here.
        """


class Images(Protocol):
    """Glance and Cinder, for what Nova does not show of images."""

    def facts(
        self, servers: Iterable[model.Server]
    ) -> Mapping[str, model.ImageFacts]:
        """The image properties of each server, by server id.

        What cannot be read is a fact too (properties None): never raises.
        """


class Held(Protocol):
    """The locks of some hosts, as long as they are held."""

    def check(self) -> None:
        """Make sure that no other run can have the locks.

        :raises LockLost: if one may
        """

    def asking(self, service_id: str, on: bool) -> None:
        """Let later runs know that requests are on their way to Nova."""

    def asked(self, service_id: str) -> bool:
        """Whether requests of a run that was killed may yet get to Nova."""

    def counting(self) -> contextlib.AbstractContextManager[frozenset[str]]:
        """Count, alone, the hosts that other runs are about to take down.

        What ends without an error takes these hosts down: others count them
        from then on. Gives the IDs of the others' services.
        """


class Lock(Protocol):
    """Takes the locks of the hosts of these services."""

    def __call__(
        self,
        services: Sequence[model.Service],
        stopped: Callable[[], bool] = ...,
        /,
    ) -> contextlib.AbstractContextManager[Held]:
        """Hold them.

        :param stopped: whether nobody waits for this any more
        :raises HostLocked: if another run holds one for too long
        """


class Unlocked:
    """What a run holds that changes nothing."""

    def check(self) -> None:
        """Nothing can be lost."""

    def asking(self, service_id: str, on: bool) -> None:
        """Nothing is sent."""

    def asked(self, service_id: str) -> bool:
        return False

    @contextlib.contextmanager
    def counting(self) -> Iterator[frozenset[str]]:
        yield frozenset()


class Clock(Protocol):
    def monotonic(self) -> float:
        """Seconds that never go backwards."""

    def sleep(self, seconds: float) -> None:
        """Let so many seconds pass."""


class SystemClock:
    """The clock of this machine."""

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)
